/** One step of a compiled pattern: a test of exactly one character, or `*` for any number of any. */
export type WildcardStep = '*' | ((char: string) => boolean);

/**
 * Whether the whole text fits the pattern. Greedy with one point of return, so that a pattern of many stars costs
 * length times length at most, and never more.
 */
export function fits(text: string, steps: readonly WildcardStep[]): boolean {
  let at = 0;
  let step = 0;
  let retryAt = -1;
  let retryStep = -1;
  while (at < text.length) {
    const current = steps[step];
    if (current === '*') {
      retryAt = at;
      retryStep = ++step;
    } else if (current?.(text.charAt(at)) === true) {
      at += 1;
      step += 1;
    } else if (retryStep >= 0) {
      at = ++retryAt;
      step = retryStep;
    } else return false;
  }
  return steps.slice(step).every((rest) => rest === '*');
}

/** The step for any one character. */
export const anyChar: WildcardStep = () => true;

/** The step for this character and no other. */
export const onlyChar =
  (expected: string): WildcardStep =>
  (char) =>
    char === expected;
