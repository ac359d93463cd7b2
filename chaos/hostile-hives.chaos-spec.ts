import { describe } from '@jest/globals';

import { eventually, FakeHive } from '#testing';

import { FleetWatch } from './harness/fleet-watch.js';
import { HOSTILE, misbehaving } from './harness/hostile.js';
import { lasting } from './harness/lasting.js';
import { mode } from './harness/mode.js';
import { connectionsTo, descriptorsOf, residentMbOf } from './harness/process-facts.js';
import { scenario } from './harness/scenario.js';
import { hivesOf, QueenService } from './harness/service.js';
import { Stack } from './harness/stack.js';
import { ToxicProxy } from './harness/toxic-proxy.js';

const KINDS = Object.keys(HOSTILE) as (keyof typeof HOSTILE)[];
/** Long enough to run into every deadline once, or twice. */
const BAD_MS = mode.long ? 12_000 : 6_000;
const idOf = (kind: string): string => kind.replaceAll(' ', '-');

describe('hives that are not as they should be', () => {
  scenario(
    { row: '6b', name: `${KINDS.length} hostile hives at once for ${BAD_MS / 1000} s, and a good one` },
    async (measures) => {
      await using queen = await QueenService.start();
      await using stack = new Stack();
      using watch = new FleetWatch(queen.url);
      const good = stack.use(await FakeHive.start({ hiveId: 'good', intervalMs: 1_000 }));
      await good.announceTo(queen.url);
      await watch.telemetryAfter('good', 0);
      const [memoryMb, fromMs] = [residentMbOf(queen.pid), performance.now()];
      const bad: FakeHive[] = [];
      for (const kind of KINDS) {
        const hiveId = idOf(kind);
        const hive = stack.use(
          await FakeHive.start({ hiveId, intervalMs: 1_000, misbehave: misbehaving(kind, hiveId) }),
        );
        await hive.announceTo(queen.url);
        bad.push(hive);
      }
      let peakMb = 0;
      while (performance.now() - fromMs < BAD_MS) {
        peakMb = Math.max(peakMb, residentMbOf(queen.pid));
        await lasting(250);
      }
      const views = await hivesOf(queen.url);
      const fooled = views.filter(({ hive_id, health }) => hive_id !== 'good' && health !== 'down');
      measures.exactly('bad ones not shown as down', fooled.map(({ hive_id }) => hive_id).join(' ') || 'none', 'none');
      measures.exactly('samples of the good one missed', watch.gapsBetween('good', fromMs, performance.now()), 0);
      measures.exactly('downs of the good one', watch.changesAfter(fromMs, ['good']).length, 0);
      measures.noMore('dials per bad one meanwhile', Math.max(...bad.map(({ requests }) => requests.length)), 15);
      measures.noMore('memory of the queen grew by', peakMb - memoryMb, 150, ' MiB');
      const healedMs = performance.now();
      for (const hive of bad) hive.misbehave = undefined;
      await eventually(
        'all are read',
        async () => {
          const unread = bad.filter(({ openStreams }) => openStreams === 0);
          await Promise.all(unread.map((hive) => hive.announceTo(queen.url)));
          await lasting(500);
          return unread.length === 0;
        },
        30_000,
      );
      measures.atMost('all read once they behave', performance.now() - healedMs, 10_000);
      await watch.allAfter(
        bad.map(({ hiveId }) => hiveId),
        healedMs,
      );
      measures.exactly('streams per hive, most', Math.max(...bad.map(({ openStreams }) => openStreams)), 1);
    },
  );

  scenario({ row: '10', name: "a hive's clock jumps by an hour, both ways", long: true }, async (measures) => {
    await using queen = await QueenService.start();
    await using hive = await FakeHive.start({ hiveId: 'a' });
    using watch = new FleetWatch(queen.url);
    await hive.announceTo(queen.url);
    await eventually('read', () => hive.openStreams === 1);
    const beat = async (offsetMs: number): Promise<void> => {
      hive.beat({ timestamp: new Date(Date.now() + offsetMs).toISOString() });
      await lasting(1_000);
    };
    await beat(0);
    const fromMs = performance.now();
    for (const hours of [1, -1, 0, 24 * 365, -24 * 365, 0]) await beat(hours * 3_600_000);
    await watch.telemetryAfter('a', performance.now() - 1_100);
    measures.exactly('changes of state', watch.changesAfter(fromMs).length, 0);
    measures.exactly('samples dropped', 7 - watch.of('a').length, 0);
  });
});

describe('a path that is bad', () => {
  scenario(
    { row: '4a', name: 'delay, jitter, single bytes, resets and half-closes between the two', long: true },
    async (measures) => {
      await using queen = await QueenService.start();
      await using hive = await FakeHive.start({ hiveId: 'a', intervalMs: 1_000 });
      await using proxy = await ToxicProxy.start(hive.url);
      using watch = new FleetWatch(queen.url);
      await hive.announceTo(queen.url, { hive_url: proxy.url });
      await watch.telemetryAfter('a', 0);
      await eventually('healthy', async () => (await hivesOf(queen.url))[0]?.health === 'healthy');
      const descriptors = descriptorsOf(queen.pid);
      const fromMs = performance.now();
      Object.assign(proxy.toxics, { latencyMs: 300, jitterMs: 500 });
      await lasting(4_000);
      Object.assign(proxy.toxics, { latencyMs: 0, jitterMs: 0, pieceBytes: 1 });
      await lasting(3_000);
      proxy.heal();
      measures.exactly('changes of state under delay and single bytes', watch.changesAfter(fromMs).length, 0);
      measures.exactly('samples missed', watch.gapsBetween('a', fromMs, performance.now()), 0);
      for (const [what, hurt] of [
        ['a reset', () => proxy.reset()],
        ['a half-close', () => proxy.closeHalf()],
      ] as const) {
        const hurtMs = performance.now();
        hurt();
        await watch.stateAfter('a', 'is down', ({ health }) => health === 'down', { sinceMs: hurtMs });
        measures.atMost(`telemetry after ${what}`, (await watch.telemetryAfter('a', hurtMs + 1)) - hurtMs, 2_500);
      }
      await eventually('one connection', () => connectionsTo(queen.pid, proxy.url) === 1);
      measures.exactly('streams', hive.openStreams, 1);
      measures.noMore('descriptors of the queen grew by', descriptorsOf(queen.pid) - descriptors, 2);
    },
  );
});
