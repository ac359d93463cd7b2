import SSHConfig, { type Line, LineType } from 'ssh-config';

import { PatternList } from './ssh-pattern.js';

/** What a line can set for the hosts that it applies to; of each the first value counts. */
export type SettingName = 'hostName' | 'user' | 'port' | 'ignore';

/** A line of an SSH configuration that has a meaning here. `line` counts from 1. */
export type Statement =
  | { readonly kind: 'host'; readonly line: number; readonly patterns: PatternList }
  | { readonly kind: 'match'; readonly line: number; readonly words: readonly string[] }
  | { readonly kind: 'set'; readonly line: number; readonly name: SettingName; readonly value: string }
  | { readonly kind: 'include'; readonly line: number; readonly paths: readonly string[]; files: readonly SshFile[] };

/** A file as it was read, with the files that its `Include` lines name. */
export interface SshFile {
  readonly path: string;
  readonly statements: readonly Statement[];
}

/** What one line says, and what is wrong with it. */
export interface ParsedLine {
  readonly statements: readonly Statement[];
  readonly faults: readonly string[];
}

const KEYWORD = /^\s*"?(\w+)"?/;
/** The keywords that decide where a host is; all others are skipped unread. */
const KEYWORDS: ReadonlySet<string> = new Set(['host', 'match', 'include', 'hostname', 'user']);
const OPTIONS = /^#+\s*apiary:(.*)$/i;
/** Stands for a `#` within a word, which starts a comment to ssh-config but not to OpenSSH. */
const INNER_HASH = '\uE000';
const NOTHING: ParsedLine = { statements: [], faults: [] };

/**
 * Reads one line. The grammar is that of ssh-config, which gets one line at a time: so a line that it can't read costs
 * that line only, and every line keeps its number. A `Host` or `Match` that can't be read applies to no host.
 */
export function parseSshLine(text: string, line: number): ParsedLine {
  const keyword = KEYWORD.exec(text)?.[1]?.toLowerCase() ?? '';
  const isMeant = KEYWORDS.has(keyword);
  if (!isMeant && !/#.*apiary:/i.test(text)) return NOTHING;
  try {
    // ssh-config pairs up the criteria of Match and fails at `!final`: as the words of a Host line they stay words.
    const renamed = text.replaceAll('\r', ' ').replace(KEYWORD, keyword === 'match' ? 'host' : keyword);
    const nodes = [...SSHConfig.parse(renamed.replace(/(?<=\S)#/g, INNER_HASH))];
    return merge([...nodes, ...nodes.flatMap(commentsBehind)].map((node) => parseNode(node, keyword, line)));
  } catch {
    return isMeant
      ? { statements: emptyBlock(keyword, line), faults: [`this ${keyword} line can't be read`] }
      : NOTHING;
  }
}

/** A comment at the end of a Host line is the first line of its block to ssh-config. */
const commentsBehind = (node: Line): readonly Line[] => ('config' in node ? [...node.config] : []);

const emptyBlock = (keyword: string, line: number): readonly Statement[] =>
  keyword === 'host' || keyword === 'match' ? [{ kind: 'host', line, patterns: new PatternList([]) }] : [];

const merge = (parts: readonly ParsedLine[]): ParsedLine => ({
  statements: parts.flatMap(({ statements }) => statements),
  faults: parts.flatMap(({ faults }) => faults),
});

function parseNode(node: Line, keyword: string, line: number): ParsedLine {
  if (node.type === LineType.COMMENT) return parseComment(node.content, line);
  const statement = node.type === LineType.DIRECTIVE ? parseDirective(keyword, wordsOf(node.value), line) : undefined;
  return { statements: statement === undefined ? [] : [statement], faults: [] };
}

function parseDirective(keyword: string, words: readonly string[], line: number): Statement | undefined {
  if (!KEYWORDS.has(keyword)) return undefined;
  const value = words[0] ?? '';
  if (value === '') throw new Error('no argument');
  if (keyword === 'host') return { kind: 'host', line, patterns: new PatternList(words) };
  if (keyword === 'match') return { kind: 'match', line, words };
  if (keyword === 'include') return { kind: 'include', line, paths: words, files: [] };
  return { kind: 'set', line, name: keyword === 'user' ? 'user' : 'hostName', value };
}

type Value = Extract<Line, { param: string }>['value'];

/** The words without their quotes; ssh-config leaves the single ones that OpenSSH knows as well. */
function wordsOf(value: Value): readonly string[] {
  const words = typeof value === 'string' ? [value] : value.map(({ val }) => val);
  const comment = words.findIndex((word) => word.startsWith('#'));
  return words.slice(0, comment < 0 ? words.length : comment).map((word) => unquoted(word.replaceAll(INNER_HASH, '#')));
}

const unquoted = (word: string): string => /^'(.*)'$/.exec(word)?.[1] ?? word;

/** `# apiary: port=7900 ignore`: the options that OpenSSH has no keyword for. */
function parseComment(text: string, line: number): ParsedLine {
  const options =
    OPTIONS.exec(text.replaceAll(INNER_HASH, '#'))?.[1]
      ?.split(/[\s,]+/)
      .filter((option) => option !== '') ?? [];
  return merge(options.map((option) => parseOption(option, line)));
}

function parseOption(option: string, line: number): ParsedLine {
  const [name = '', value] = option.toLowerCase().split('=', 2);
  const set = (setting: SettingName, to: string): ParsedLine => ({
    statements: [{ kind: 'set', line, name: setting, value: to }],
    faults: [],
  });
  if (name === 'ignore' && ['yes', 'no', undefined].includes(value)) return set('ignore', value ?? 'yes');
  if (name === 'port' && value !== undefined && isPort(value)) return set('port', value);
  return { statements: [], faults: [`"${option.slice(0, 40)}" is none of port=1…65535, ignore, ignore=no`] };
}

const isPort = (text: string): boolean => /^\d{1,5}$/.test(text) && Number(text) >= 1 && Number(text) <= 65_535;
