import { createSocket } from 'node:dgram';
import { networkInterfaces } from 'node:os';

/** Interfaces of containers and virtual machines: nothing outside this machine reaches their addresses. */
const INNER_INTERFACE = /^(docker|br-|veth|cni|flannel|cali|virbr|lxc|lxdbr|podman|tun|tap)/;

/** Whether a bind address or URL host means this machine alone. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || host === '[::1]' || /^127(\.\d{1,3}){3}$/.test(host);
}

/** Whether a bind address means every interface. */
export function isUnspecified(host: string): boolean {
  return host === '0.0.0.0' || host === '::' || host === '';
}

/** `host` as it stands in a URL: an IPv6 address in brackets. */
export function urlHost(host: string): string {
  return host.includes(':') && !host.startsWith('[') ? `[${host}]` : host;
}

/**
 * The address of ours that a packet to `target` (an `http(s)` origin) would leave from. Connects a datagram socket,
 * which asks the kernel's routing table and sends nothing. `undefined` where there is no route or no such name.
 */
export async function sourceAddressTowards(target: string): Promise<string | undefined> {
  const { hostname, port } = new URL(target);
  const host = hostname.replace(/^\[|\]$/g, '');
  const socket = createSocket({ type: host.includes(':') ? 'udp6' : 'udp4' });
  return new Promise((resolve) => {
    const done = (address: string | undefined): void => {
      socket.close();
      resolve(address);
    };
    const connected = (error?: Error | null): void => done(error ? undefined : socket.address().address);
    socket.once('error', () => done(undefined));
    // A name that can't be resolved is told to the callback alone.
    socket.connect(Number(port) || 80, host, connected);
  });
}

/** The first address of this machine that others may reach, or loopback if there is none. */
export function firstOuterAddress(): string {
  const candidates = Object.entries(networkInterfaces())
    .filter(([name]) => !INNER_INTERFACE.test(name))
    .flatMap(([, addresses]) => addresses ?? [])
    .filter(({ internal, address }) => !internal && !address.startsWith('fe80:') && !address.startsWith('169.254.'));
  const preferred = candidates.find(({ family }) => family === 'IPv4') ?? candidates[0];
  return preferred?.address ?? '127.0.0.1';
}

/** What a peer dials to reach us, and why we think so. */
export interface ChosenUrl {
  readonly url: string;
  readonly because: string;
}

/**
 * The origin under which a peer reaches a service bound to `host:port`: the bound address itself, or where that is
 * every interface, the source address of the route to the peer.
 */
export async function urlTowards(
  peer: string | undefined,
  bound: { readonly host: string; readonly port: number },
): Promise<ChosenUrl> {
  const at = (address: string, because: string): ChosenUrl => ({
    url: `http://${urlHost(address)}:${bound.port}`,
    because,
  });
  if (!isUnspecified(bound.host)) return at(bound.host, 'it is the address bound to');
  const source = peer === undefined ? undefined : await sourceAddressTowards(peer);
  if (source !== undefined) return at(source, `it is the source address of the route to ${String(peer)}`);
  return at(firstOuterAddress(), 'it is the first address of this machine that others may reach');
}
