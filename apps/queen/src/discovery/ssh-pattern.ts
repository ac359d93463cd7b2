import { anyChar, fits, onlyChar } from './wildcard.js';

/** Whether a word of a `Host` line is a rule for hosts and not the name of one. */
export const isPattern = (word: string): boolean => /[*?]/.test(word) || word.startsWith('!');

/** As OpenSSH's `match_pattern`: `*` is any number of characters, `?` exactly one; case counts. */
export function matchesPattern(text: string, pattern: string): boolean {
  if (!/[*?]/.test(pattern)) return text === pattern;
  return fits(
    text,
    (pattern.match(/[^]/g) ?? []).map((char) => (char === '*' ? '*' : char === '?' ? anyChar : onlyChar(char))),
  );
}

/**
 * Whether one of the patterns applies and no negated one does: a match of `!pattern` outweighs all others, and
 * negations alone never match.
 */
export function matchesAny(text: string, patterns: readonly string[]): boolean {
  let matched = false;
  for (const pattern of patterns) {
    const negated = pattern.startsWith('!');
    if (!matchesPattern(text, negated ? pattern.slice(1) : pattern)) continue;
    if (negated) return false;
    matched = true;
  }
  return matched;
}
