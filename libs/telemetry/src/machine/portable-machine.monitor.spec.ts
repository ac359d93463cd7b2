import { describe, expect, it } from '@jest/globals';

import { ManualClock } from '#testing';

import { portableMachineMonitor } from './portable-machine.monitor.js';

describe('portableMachineMonitor', () => {
  it('reads this machine through the real library, rates from the second reading on', async () => {
    const clock = new ManualClock();
    const monitor = portableMachineMonitor(clock);
    const first = await monitor.read(AbortSignal.timeout(10_000));
    if (first === 'absent') throw new Error('absent');
    expect(first.node).toMatchObject({ cpu_pct: null, net_rx_mb_s: null, disk_r_mb_s: null });
    expect(first.node?.ram_total_mb).toBeGreaterThan(first.node?.ram_used_mb ?? Infinity);
    clock.advance(1000);
    const second = await monitor.read(AbortSignal.timeout(10_000));
    if (second === 'absent') throw new Error('absent');
    for (const value of Object.values(second.node ?? {})) expect(value).toEqual(expect.any(Number));
    expect(second.node?.cpu_pct).toBeLessThanOrEqual(100);
  });
});
