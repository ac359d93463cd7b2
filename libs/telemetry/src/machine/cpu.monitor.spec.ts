import { describe, expect, it } from '@jest/globals';

import { TempTree } from '#testing';

import { busyPct, cpuMonitor, parseProcStat } from './cpu.monitor.js';

/** From a virtual machine with two CPUs, Linux 6.1. */
const STAT = `cpu  8392 120 4741 331892 2217 10 161 30 5 0
cpu0 4306 60 2370 165773 1180 5 120 15 5 0
cpu1 4086 60 2371 166119 1037 5 41 15 0 0
intr 1234567 0 9 0
ctxt 987654
`;

describe('parseProcStat', () => {
  it('adds up what is busy and what is idle', () => {
    expect(parseProcStat(STAT)).toEqual({
      busy: 8392 + 120 + 4741 + 10 + 161 + 30,
      idle: 331892 + 2217,
      cpuCount: 2,
    });
  });

  it('reads a line that ends early', () => {
    expect(parseProcStat('cpu  1 2 3 4\n')).toEqual({ busy: 6, idle: 4, cpuCount: null });
  });

  it.each(['', 'cpu0 1 2 3 4', 'cpu  1 x 3 4', 'cpu  1 2'])('refuses %j', (text) => {
    expect(() => parseProcStat(text)).toThrow('/proc/stat has no readable cpu line');
  });
});

describe('busyPct', () => {
  const ticks = (busy: number, idle: number): ReturnType<typeof parseProcStat> => ({ busy, idle, cpuCount: 1 });

  it('is the busy share of the time between', () => {
    expect(busyPct(ticks(100, 100), ticks(125, 175))).toBe(25);
    expect(busyPct(ticks(100, 100), ticks(150, 100))).toBe(100);
  });

  it('is unknown where a counter went back or nothing moved', () => {
    expect(busyPct(ticks(100, 100), ticks(99, 200))).toBeNull();
    expect(busyPct(ticks(100, 100), ticks(200, 99))).toBeNull();
    expect(busyPct(ticks(100, 100), ticks(100, 100))).toBeNull();
  });
});

describe('cpuMonitor', () => {
  it('knows the rate from the second reading on', async () => {
    using tree = new TempTree({ stat: STAT });
    const monitor = cpuMonitor(tree.root, 1000);
    const signal = AbortSignal.timeout(1000);
    expect(await monitor.read(signal)).toEqual({ node: { cpu_pct: null, cpu_count: 2 } });
    tree.write({ stat: STAT.replace('8392', '8492').replace('331892', '332192') });
    expect(await monitor.read(signal)).toEqual({ node: { cpu_pct: 25, cpu_count: 2 } });
  });

  it('rejects where there is no such file', async () => {
    await expect(cpuMonitor('/no/such', 1000).read(AbortSignal.timeout(1000))).rejects.toThrow('ENOENT');
  });
});
