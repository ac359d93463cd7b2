import { anyChar, fits, onlyChar, type WildcardStep } from './wildcard.js';

/** A list of patterns as `Host` has it and, split at the commas, `Match`. Compiled once: it meets every host. */
export class PatternList {
  private readonly patterns: readonly Pattern[];

  constructor(readonly words: readonly string[]) {
    this.patterns = words.map(compile);
  }

  /** Those of its words that are the name of a host and not a rule for hosts. */
  get names(): readonly string[] {
    return this.words.filter((word) => !/[*?]/.test(word) && !word.startsWith('!'));
  }

  /**
   * Whether one of the patterns applies and no negated one does: a match of `!pattern` outweighs all others, and
   * negations alone never match. As OpenSSH's `match_pattern`: `*` is any number of characters, `?` exactly one; case
   * counts.
   */
  matches(text: string): boolean {
    let matched = false;
    for (const { negated, literal, steps } of this.patterns) {
      if (!(steps === undefined ? text === literal : fits(text, steps))) continue;
      if (negated) return false;
      matched = true;
    }
    return matched;
  }
}

interface Pattern {
  readonly negated: boolean;
  readonly literal: string;
  /** `undefined` where the pattern stands for itself. */
  readonly steps: readonly WildcardStep[] | undefined;
}

function compile(word: string): Pattern {
  const negated = word.startsWith('!');
  const literal = word.slice(negated ? 1 : 0);
  const chars = /[*?]/.test(literal) ? literal.match(/[^]/g) : undefined;
  return {
    negated,
    literal,
    steps: chars?.map((char) => (char === '*' ? '*' : char === '?' ? anyChar : onlyChar(char))),
  };
}
