import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';

/** Every namespace of ours is `apy-PID-NUMBER-HOST`. */
const NAME = /^apy-(\d+)-/;
let networks = 0;

/** A machine of a made network. */
export interface NetworkHost {
  readonly name: string;
  readonly address: string;
  /** What a process is started under to be on that machine. */
  readonly under: readonly string[];
}

/**
 * A network of namespaces: a router with one leg per host. Nothing of it exists outside the namespaces that it made,
 * where its addresses (198.18.0.0/15, set aside for tests) lead nowhere else. It cuts in the router, so that neither
 * end is told: packets just don't arrive.
 */
export class Network implements Disposable {
  private readonly id = `apy-${process.pid}-${++networks}`;
  private readonly router = `${this.id}-router`;
  private readonly namespaces: string[] = [];
  private readonly legs = new Map<string, { readonly index: number; address: string }>();

  constructor(hostNames: readonly string[]) {
    removeLeftovers();
    try {
      this.addNamespace(this.router);
      ip('netns', 'exec', this.router, 'sh', '-c', 'echo 1 > /proc/sys/net/ipv4/ip_forward');
      hostNames.forEach((name, index) => this.addHost(name, index));
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
  }

  host(name: string): NetworkHost {
    return {
      name,
      address: this.leg(name).address,
      under: ['ip', 'netns', 'exec', this.namespaceOf(name)],
    };
  }

  /** From now on nothing that `from` sends reaches `to`; the other direction goes on. */
  cutOneWay(from: string, to: string): void {
    // What is sent to a host comes over its leg only; the sender is told by a rule of its own leg.
    ip('-n', this.router, 'rule', 'add', 'iif', `r${this.leg(from).index}`, 'to', this.leg(to).address, 'blackhole');
  }

  healOneWay(from: string, to: string): void {
    ip('-n', this.router, 'rule', 'del', 'iif', `r${this.leg(from).index}`, 'to', this.leg(to).address, 'blackhole');
  }

  /** Nothing passes between the two any more, and neither gets as much as a FIN. */
  cut(one: string, other: string): void {
    this.cutOneWay(one, other);
    this.cutOneWay(other, one);
  }

  heal(one: string, other: string): void {
    this.healOneWay(one, other);
    this.healOneWay(other, one);
  }

  /** Takes the link of a host down at the router's end: the host loses its carrier. */
  unplug(name: string): void {
    ip('-n', this.router, 'link', 'set', `r${this.leg(name).index}`, 'down');
  }

  plugIn(name: string): void {
    ip('-n', this.router, 'link', 'set', `r${this.leg(name).index}`, 'up');
  }

  /** Gives a host another address; the old one is gone. */
  readdress(name: string): string {
    const leg = this.leg(name);
    const lastByte = Number(leg.address.split('.')[3]) + 1;
    const address = `198.18.${leg.index}.${lastByte}`;
    const namespace = this.namespaceOf(name);
    ip('-n', namespace, 'addr', 'add', `${address}/24`, 'dev', 'e0');
    ip('-n', namespace, 'addr', 'del', `${leg.address}/24`, 'dev', 'e0');
    // The kernel drops the route with the address that it was made for.
    ip('-n', namespace, 'addr', 'replace', `${address}/24`, 'dev', 'e0');
    ip('-n', namespace, 'route', 'replace', 'default', 'via', `198.18.${leg.index}.1`);
    leg.address = address;
    return address;
  }

  /** Adds an address to a host under which it can be reached besides its first. */
  alsoAt(name: string): string {
    const { index } = this.leg(name);
    const address = `198.18.${index}.200`;
    ip('-n', this.namespaceOf(name), 'addr', 'add', `${address}/24`, 'dev', 'e0');
    return address;
  }

  /** Nothing reaches this address any more. */
  cutAddress(address: string): void {
    ip('-n', this.router, 'route', 'add', 'blackhole', address);
  }

  healAddress(address: string): void {
    ip('-n', this.router, 'route', 'del', 'blackhole', address);
  }

  /** Makes a host ask this name server, which may well not exist. Counts for processes that start afterwards. */
  resolveAt(name: string, nameServer: string): void {
    const folder = `/etc/netns/${this.namespaceOf(name)}`;
    mkdirSync(folder, { recursive: true });
    writeFileSync(`${folder}/resolv.conf`, `nameserver ${nameServer}\n`);
  }

  [Symbol.dispose](): void {
    for (const namespace of this.namespaces.splice(0)) removeNamespace(namespace);
  }

  private addHost(name: string, index: number): void {
    const namespace = this.namespaceOf(name);
    const address = `198.18.${index}.2`;
    this.legs.set(name, { index, address });
    this.addNamespace(namespace);
    ip('-n', this.router, 'link', 'add', `r${index}`, 'type', 'veth', 'peer', 'name', 'e0', 'netns', namespace);
    ip('-n', this.router, 'addr', 'add', `198.18.${index}.1/24`, 'dev', `r${index}`);
    ip('-n', this.router, 'link', 'set', `r${index}`, 'up');
    ip('-n', namespace, 'addr', 'add', `${address}/24`, 'dev', 'e0');
    ip('-n', namespace, 'link', 'set', 'e0', 'up');
    ip('-n', namespace, 'route', 'add', 'default', 'via', `198.18.${index}.1`);
  }

  private addNamespace(namespace: string): void {
    ip('netns', 'add', namespace);
    this.namespaces.push(namespace);
    ip('-n', namespace, 'link', 'set', 'lo', 'up');
  }

  private namespaceOf(name: string): string {
    return `${this.id}-${name}`;
  }

  private leg(name: string): { readonly index: number; address: string } {
    const leg = this.legs.get(name);
    if (leg === undefined) throw new Error(`no host ${name} in this network`);
    return leg;
  }
}

/** Why no network can be made on this machine; `undefined` where one can. Asked before the tests are declared. */
export const networksImpossible: string | undefined = findOut();

function findOut(): string | undefined {
  if (process.platform !== 'linux') return 'network namespaces are a thing of Linux';
  if (process.getuid?.() !== 0) return 'network namespaces need root';
  try {
    new Network(['probe'])[Symbol.dispose]();
    return undefined;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return code === 'ENOENT' ? 'iproute2 is not installed' : `no network namespace can be made: ${String(error)}`;
  }
}

function ip(...args: readonly string[]): string {
  return execFileSync('ip', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], timeout: 5_000 });
}

function removeNamespace(namespace: string): void {
  rmSync(`/etc/netns/${namespace}`, { recursive: true, force: true });
  try {
    ip('netns', 'del', namespace);
  } catch {
    // Gone already.
  }
}

/** Namespaces of runs that were killed before they could clean up: nothing in Jest runs at the end of a process. */
function removeLeftovers(): void {
  for (const line of ip('netns', 'list').split('\n')) {
    const [namespace = ''] = line.split(' ');
    const pid = NAME.exec(namespace)?.[1];
    if (pid !== undefined && !existsSync(`/proc/${pid}`)) removeNamespace(namespace);
  }
}
