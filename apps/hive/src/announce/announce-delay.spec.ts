import { describe, expect, it } from '@jest/globals';

import { announceDelayMs } from './announce-delay.js';
import type { ReadyOutcome } from './send-ready.js';

const NOT_YET: ReadyOutcome = { kind: 'not-yet', reason: 'refused' };
const half = (): number => 0.5;

describe('announceDelayMs', () => {
  it('waits 2, 4, 8, 16 s and then at random up to 30 s, for ever', () => {
    const delays = [0, 1, 2, 3, 4, 5, 1_000_000].map((attempt) => announceDelayMs(attempt, NOT_YET, half));
    expect(delays).toEqual([2_000, 4_000, 8_000, 16_000, 15_000, 15_000, 15_000]);
    expect(announceDelayMs(9, NOT_YET, () => 0)).toBe(1_000);
    expect(announceDelayMs(9, NOT_YET, () => 0.9999)).toBeLessThan(30_000);
  });

  it('is slow at once where the queen refused', () => {
    expect(announceDelayMs(0, { kind: 'refused', reason: '409' }, half)).toBe(15_000);
  });

  it('honours Retry-After, up to a minute, and never shortens its own wait for it', () => {
    const asked = (retryAfterMs: number): ReadyOutcome => ({ ...NOT_YET, kind: 'not-yet', retryAfterMs });
    expect(announceDelayMs(0, asked(5_000), half)).toBe(5_000);
    expect(announceDelayMs(3, asked(5_000), half)).toBe(16_000);
    expect(announceDelayMs(0, asked(86_400_000), half)).toBe(60_000);
  });

  it('gives a queen that knows the hive 3 s to read it', () => {
    const answer = { status: 'ok', message: '', subscription: 'connecting' } as const;
    expect(announceDelayMs(0, { kind: 'acknowledged', answer }, half)).toBe(3_000);
  });
});
