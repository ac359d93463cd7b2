import type { ReadyOutcome } from './send-ready.js';

/** When no queen has read for this long, the hive announces itself again, in ms. */
export const UNREAD_MS = 3_000;
/** The waits after the first five tries, in ms. */
const QUICK_DELAYS_MS = [2_000, 4_000, 8_000, 16_000];
/** After those, a try comes at a random moment within this time, for ever, in ms. */
const SLOW_DELAY_MS = 30_000;
const SLOW_DELAY_MIN_MS = 1_000;
/** A queen that asks for more patience than this gets this much, in ms. */
const RETRY_AFTER_MAX_MS = 60_000;

/** The wait after try `attempt` (0 is the first) that ended in `outcome`. */
export function announceDelayMs(attempt: number, outcome: ReadyOutcome, random: () => number = Math.random): number {
  const slowMs = Math.max(SLOW_DELAY_MIN_MS, random() * SLOW_DELAY_MS);
  // The queen won't change its mind soon: its operator must act.
  if (outcome.kind === 'refused') return slowMs;
  const ownMs = QUICK_DELAYS_MS[attempt] ?? slowMs;
  if (outcome.kind === 'not-yet' && outcome.retryAfterMs !== undefined) {
    return Math.min(RETRY_AFTER_MAX_MS, Math.max(ownMs, outcome.retryAfterMs));
  }
  // Acknowledged: give the queen the time to read before asking again.
  return outcome.kind === 'acknowledged' ? Math.max(UNREAD_MS, ownMs) : ownMs;
}
