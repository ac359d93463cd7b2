import SSHConfig, { glob, LineType, type Line } from 'ssh-config';

/** A host of the SSH client configuration. */
export interface SshHost {
  /** The name that a person types. */
  readonly alias: string;
  /** What it stands for: `HostName`, or the alias itself. */
  readonly hostName: string;
}

/**
 * The concrete hosts of an SSH client configuration, in the order of their first mention. Patterns are rules, not
 * hosts. The grammar is ssh-config's, the meaning is worked out here: its own `compute` runs programs for
 * `Match exec` and for `CanonicalizeHostname`, and nothing in a configuration may be executed.
 */
export function sshHosts(text: string): readonly SshHost[] {
  const lines = [...SSHConfig.parse(text)];
  const aliases = new Set(lines.filter(isSection('Host')).flatMap(({ value }) => wordsOf(value).filter(isConcrete)));
  return [...aliases].map((alias) => ({ alias, hostName: hostNameOf(lines, alias) }));
}

type Directive = Extract<Line, { param: string }>;
type Section = Extract<Line, { config: SSHConfig }>;

const isDirective = (line: Line): line is Directive => line.type === LineType.DIRECTIVE;

const isSection =
  (name: string) =>
  (line: Line): line is Section =>
    isDirective(line) && line.param.toLowerCase() === name.toLowerCase() && 'config' in line;

const isConcrete = (pattern: string): boolean => !/[*?!]/.test(pattern);

const wordsOf = (value: Directive['value']): readonly string[] =>
  typeof value === 'string' ? [value] : value.map(({ val }) => val);

/** The first `HostName` that applies wins, as in OpenSSH; `%h` in it is the alias. */
function hostNameOf(lines: readonly Line[], alias: string): string {
  for (const line of lines) {
    if (!isDirective(line)) continue;
    const candidates = isSection('Host')(line) ? matching(line, alias) : [line];
    const found = candidates.find((directive) => isDirective(directive) && /^hostname$/i.test(directive.param));
    if (found !== undefined && isDirective(found)) {
      const hostName = wordsOf(found.value)[0] ?? alias;
      return hostName.replace(/%([h%])/g, (_, token) => (token === 'h' ? alias : '%'));
    }
  }
  return alias;
}

const matching = (section: Section, alias: string): readonly Line[] =>
  glob([...wordsOf(section.value)], alias) ? [...section.config] : [];
