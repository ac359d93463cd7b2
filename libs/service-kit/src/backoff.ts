/** How a retry slows down, in ms. */
export interface Backoff {
  readonly baseMs: number;
  readonly capMs: number;
}

/**
 * The wait before try `attempt` (0 is the first retry), with full jitter: anything from 0 to `base * 2^attempt`,
 * capped, so that a thousand peers that failed together don't come back together.
 */
export function backoffMs(attempt: number, { baseMs, capMs }: Backoff, random: () => number = Math.random): number {
  return random() * Math.min(capMs, baseMs * 2 ** Math.min(attempt, 30));
}
