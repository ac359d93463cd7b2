import { describe, expect, it } from '@jest/globals';

import { judgeHealth, type Signs } from './liveness.js';

const signs = (changes: Partial<Signs>): Signs => ({
  connection: 'connected',
  ageMs: 0,
  intervalMs: 1000,
  selfReported: { status: 'healthy' },
  ...changes,
});

describe('judgeHealth', () => {
  it.each([
    [{ ageMs: 2_999 }, 'healthy', 'telemetry flows'],
    [{ ageMs: 3_000 }, 'degraded', 'no telemetry for 3.0 s'],
    [{ ageMs: 9_999 }, 'degraded', 'no telemetry for 10.0 s'],
    [{ ageMs: 10_000 }, 'down', 'no telemetry for 10.0 s'],
    [{ ageMs: 299, intervalMs: 100 }, 'healthy', 'telemetry flows'],
    [{ ageMs: 300, intervalMs: 100 }, 'degraded', 'no telemetry for 0.3 s'],
    [{ ageMs: null }, 'degraded', 'no telemetry yet'],
    [{ selfReported: { status: 'unhealthy', reason: 'hot' } }, 'degraded', 'the hive says: hot'],
    [{ connection: 'lost' }, 'down', 'the stream is not open: lost'],
    [{ connection: 'stopped' }, 'down', 'the stream is not open: stopped'],
  ] as const)('%j is %s', (changes, health, reason) => {
    expect(judgeHealth(signs(changes))).toEqual({ health, reason });
  });
});
