import { matchesCriteria } from './ssh-match.js';
import type { SettingName, SshFile, Statement } from './ssh-statement.js';

/** Longest name of a host, in characters; DNS has 253. */
const HOST_NAME_LENGTH_MAX = 255;

/** A host of the SSH client configuration. */
export interface SshHost {
  /** The name that a person types. */
  readonly alias: string;
  /** What it stands for: `HostName`, or the alias itself. */
  readonly hostName: string;
  /** The port of its hive, where a comment names one. */
  readonly port: number | undefined;
  /** Whether a comment says to leave it alone. */
  readonly ignored: boolean;
  /** Why it can't be dialled; `undefined` if it can. */
  readonly fault: string | undefined;
}

/** A concrete host that a `Host` line names. */
export interface SshAlias {
  readonly alias: string;
  /** `file:line` of its first mention. */
  readonly source: string;
}

/** Every concrete host that a `Host` line names anywhere, in order, whatever the conditions around that line. */
export function* sshAliases(file: SshFile): Generator<SshAlias> {
  const seen = new Set<string>();
  for (const named of namedIn(file)) {
    if (seen.has(named.alias)) continue;
    seen.add(named.alias);
    yield named;
  }
}

function* namedIn({ path, statements }: SshFile): Generator<SshAlias> {
  for (const statement of statements) {
    if (statement.kind === 'include') for (const file of statement.files) yield* namedIn(file);
    if (statement.kind !== 'host') continue;
    for (const alias of statement.patterns.names) yield { alias, source: `${path}:${statement.line}` };
  }
}

/** What the configuration says of one alias. Pure: nothing is executed, looked up or read. */
export function sshHost(file: SshFile, alias: string, localUser: string): SshHost {
  const facts = new Facts(alias, localUser);
  facts.apply(file, true);
  const hostName = facts.hostName;
  return {
    alias,
    hostName: hostName.slice(0, HOST_NAME_LENGTH_MAX),
    port: facts.get('port') === undefined ? undefined : Number(facts.get('port')),
    ignored: facts.get('ignore') === 'yes',
    fault: hostNameFault(facts.get('hostName') ?? '', hostName),
  };
}

/** The values that were obtained so far, in OpenSSH's way: top to bottom, and the first one of each name counts. */
class Facts {
  private readonly values = new Map<SettingName, string>();

  constructor(
    private readonly alias: string,
    private readonly localUser: string,
  ) {}

  get(name: SettingName): string | undefined {
    return this.values.get(name);
  }

  /** `HostName` with its tokens replaced; case has no meaning in a name. */
  get hostName(): string {
    const template = this.values.get('hostName') ?? '%h';
    return template.replace(/%([h%])/g, (_, token) => (token === 'h' ? this.alias : '%')).toLowerCase();
  }

  /** An included file starts in the state of its `Include` line, can't widen it, and leaves it as it was. */
  apply({ statements }: SshFile, outer: boolean): void {
    let active = outer;
    for (const statement of statements) {
      if (statement.kind === 'host' || statement.kind === 'match') active = outer && this.isMeant(statement);
      else if (!active) continue;
      else if (statement.kind === 'include') for (const file of statement.files) this.apply(file, active);
      else if (!this.values.has(statement.name)) this.values.set(statement.name, statement.value);
    }
  }

  private isMeant(block: Extract<Statement, { kind: 'host' | 'match' }>): boolean {
    if (block.kind === 'host') return block.patterns.matches(this.alias);
    const { alias, localUser, hostName } = this;
    return matchesCriteria(block.words, { alias, hostName, user: this.get('user') ?? localUser, localUser });
  }
}

/** What is wrong with the name that would be dialled. `template` is `HostName` as it stands in the file. */
function hostNameFault(template: string, hostName: string): string | undefined {
  if (/%(?![h%])/.test(template.replaceAll('%%', ''))) {
    return 'its HostName has a token other than %h and %%';
  }
  if (hostName.length > HOST_NAME_LENGTH_MAX) return `its name is longer than ${HOST_NAME_LENGTH_MAX} characters`;
  if (hostName.includes('%')) return 'an address with a zone can not be part of a URL';
  return /^[\p{L}\p{N}._:-]+$/u.test(hostName) ? undefined : 'its name is not that of a host';
}
