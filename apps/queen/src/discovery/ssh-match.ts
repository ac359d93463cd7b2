import { PatternList } from './ssh-pattern.js';

/** What is known of a host when a `Match` line is reached. */
export interface MatchSubject {
  /** As it is typed. */
  readonly alias: string;
  /** As it stands so far. */
  readonly hostName: string;
  /** The remote user so far. */
  readonly user: string;
  readonly localUser: string;
}

/** Criteria that stand alone. There is one pass only: neither the canonical nor the final one ever comes. */
const ALONE: Readonly<Record<string, boolean>> = { all: true, canonical: false, final: false };

const listed = (list: string, text: string): boolean => new PatternList(list.split(',')).matches(text);

/** Criteria with a list of patterns. A host is compared in lower case, a user as it stands. */
const BY_LIST: Readonly<Record<string, (subject: MatchSubject, list: string) => boolean>> = {
  host: ({ hostName }, list) => listed(list.toLowerCase(), hostName.toLowerCase()),
  originalhost: ({ alias }, list) => listed(list.toLowerCase(), alias.toLowerCase()),
  user: ({ user }, list) => listed(list, user),
  localuser: ({ localUser }, list) => listed(list, localUser),
};

/**
 * Whether every criterion of a `Match` line holds. What can't be known without running or asking something, above all
 * `exec`, makes the line not match, negated or not.
 */
export function matchesCriteria(words: readonly string[], subject: MatchSubject): boolean {
  for (let index = 0; index < words.length; index++) {
    const word = words[index] ?? '';
    const negated = word.startsWith('!');
    const name = word.slice(negated ? 1 : 0).toLowerCase();
    const holds = ALONE[name] ?? BY_LIST[name]?.(subject, words[++index] ?? '');
    if (holds === undefined || holds === negated) return false;
  }
  return words.length > 0;
}

/** What is unusual about a `Match` line, as a sentence for its reader; `undefined` if nothing is. */
export function matchFault(words: readonly string[]): string | undefined {
  for (let index = 0; index < words.length; index++) {
    const name = (words[index] ?? '').replace(/^!/, '').toLowerCase();
    if (name in ALONE) continue;
    if (!(name in BY_LIST)) return `Match ${name.slice(0, 40)} is not evaluated here: the block applies to no host`;
    if (words[++index] === undefined) return `Match ${name} has no argument: the block applies to no host`;
  }
  return undefined;
}
