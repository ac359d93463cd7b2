/** How often a condition is looked at, in ms. */
const LOOK_MS = 10;
const DEADLINE_MS = 10_000;

/** Waits until `look` gives something other than `undefined` or `false`; what it throws counts as "not yet". */
export async function eventually<T>(
  what: string,
  look: () => T | Promise<T>,
  deadlineMs = DEADLINE_MS,
): Promise<Exclude<T, undefined | false>> {
  const endMs = performance.now() + deadlineMs;
  let last: unknown = 'it never held';
  for (;;) {
    try {
      const found = await look();
      if (found !== undefined && found !== false) return found as Exclude<T, undefined | false>;
    } catch (error) {
      last = error;
    }
    if (performance.now() > endMs) throw new Error(`not within ${deadlineMs} ms: ${what}`, { cause: last });
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
}
