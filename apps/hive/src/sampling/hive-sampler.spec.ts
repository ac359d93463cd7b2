import { describe, expect, it } from '@jest/globals';

import { type Clock, SystemClock } from '#service-kit';
import { type Contribution, type Monitor, MonitorRunner, readMachineFacts } from '#telemetry';
import { eventually, ManualClock } from '#testing';

import { loadHiveConfig } from '../config/hive-config.js';
import type { HiveIdentity } from '../identity/hive-identity.js';
import { HiveSampler } from './hive-sampler.js';

const BUDGET_MS = 5_000;

/** A sampler over these sensors that takes the first sample at once and no second one within a test. */
async function samplerOf(
  monitors: readonly Monitor[],
  clock: Clock = new SystemClock(),
): Promise<HiveSampler & Disposable> {
  const config = loadHiveConfig({ argv: ['--interval-ms', '60000'], env: {} });
  const runners = monitors.map((monitor) => new MonitorRunner(monitor, clock, BUDGET_MS));
  const identity: Partial<HiveIdentity> = { hiveId: 'gpu-a' };
  const sampler = new HiveSampler(config, runners, await readMachineFacts(), clock, identity as HiveIdentity);
  return Object.assign(sampler, { [Symbol.dispose]: () => sampler.onModuleDestroy() });
}

const monitor = (name: string, read: () => Promise<Contribution>): Monitor => ({ name, budgetMs: BUDGET_MS, read });

describe('HiveSampler', () => {
  it('lets the event loop run between two sensors, so that together they never block it', async () => {
    const order: string[] = [];
    const names = Array.from({ length: 10 }, (_, index) => `sensor ${index}`);
    const monitors = names.map((name) =>
      monitor(name, () => {
        order.push(name);
        // What a connection or a timer brings while a sensor reads has its turn before the next sensor.
        setImmediate(() => order.push(`after ${name}`));
        return Promise.resolve({});
      }),
    );
    using sampler = await samplerOf(monitors);
    sampler.onApplicationBootstrap();
    await eventually('a sample', () => sampler.latest);
    expect(order).toEqual(names.flatMap((name) => [name, `after ${name}`]));
  });

  it('starts every sensor without waiting for one that takes its time', async () => {
    let answer = (_: Contribution): void => undefined;
    const slow = monitor('slow', () => new Promise((resolve) => (answer = resolve)));
    const started: string[] = [];
    const quick = monitor('quick', () => {
      started.push('quick');
      return Promise.resolve({ node: { load_1m: 1 } });
    });
    using sampler = await samplerOf([slow, quick]);
    sampler.onApplicationBootstrap();
    await eventually('the quick one is read', () => started.length === 1);
    expect(sampler.latest).toBeUndefined();
    answer({ node: { uptime_s: 2 } });
    const { node, collection } = await eventually('a sample', () => sampler.latest);
    expect(node).toMatchObject({ load_1m: 1, uptime_s: 2 });
    expect(collection.monitors.map(({ status }) => status)).toEqual(['ok', 'ok']);
  });

  it('stops between two sensors when the hive closes', async () => {
    const started: string[] = [];
    const monitors = ['one', 'two'].map((name) =>
      monitor(name, () => {
        started.push(name);
        sampler.onModuleDestroy();
        return Promise.resolve({});
      }),
    );
    using sampler = await samplerOf(monitors);
    sampler.onApplicationBootstrap();
    await eventually('the first is read', () => started.length > 0);
    for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
    expect(started).toEqual(['one']);
  });

  it('keeps its beat: what one sample comes late, the next does not', async () => {
    const clock = new ManualClock();
    using sampler = await samplerOf([], clock);
    const atMs: number[] = [];
    sampler.telemetry$.subscribe(() => atMs.push(clock.monotonicMs()));
    const after = async (ms: number): Promise<void> => {
      const before = atMs.length;
      clock.advance(ms);
      await eventually('a sample', () => atMs.length > before);
    };
    sampler.onApplicationBootstrap();
    await after(0);
    clock.stall(500);
    await after(60_000);
    await after(59_500);
    // Three fall due while the process stands still: they are one.
    clock.stall(200_000);
    await after(60_000);
    await after(40_000);
    expect(atMs).toEqual([0, 60_500, 120_000, 380_000, 420_000]);
  });
});
