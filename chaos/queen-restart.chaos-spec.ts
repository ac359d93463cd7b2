import { describe } from '@jest/globals';

import { eventually, Swarm, TempTree } from '#testing';

import { FleetWatch } from './harness/fleet-watch.js';
import { lasting } from './harness/lasting.js';
import { connectionsTo } from './harness/process-facts.js';
import { scenario } from './harness/scenario.js';
import { announce, hivesOf, HiveService, QueenService, untilHealthy } from './harness/service.js';
import { ToxicProxy } from './harness/toxic-proxy.js';

/** Kills the queen of a swarm, lets it come back after `outageMs`, and looks on for `quietMs` once all flows again. */
async function restartUnder(
  count: number,
  outageMs: number,
  { quietMs = 3_000, forgets = false }: { quietMs?: number; forgets?: boolean } = {},
) {
  await using queen = await QueenService.start();
  await using swarm = await Swarm.start({ count, queenUrl: queen.url });
  using watch = new FleetWatch(queen.url);
  await watch.allAfter(swarm.ids, 0, 60_000);
  const callbacksBefore = swarm.callbacks().get(200) ?? 0;
  await queen.kill();
  if (forgets) queen.loseMemory();
  await lasting(outageMs);
  const listensMs = await queen.start();
  const allMs = await watch.allAfter(swarm.ids, listensMs, 60_000);
  await watch.allAfter(swarm.ids, allMs + quietMs, quietMs + 10_000);
  const falseDowns = watch.changesAfter(allMs).filter(({ health }) => health === 'down').length;
  const streams = Math.max(...swarm.hives.map(({ openStreams }) => openStreams));
  const callbacks = (swarm.callbacks().get(200) ?? 0) - callbacksBefore;
  const refused = swarm.callbacks().get(503) ?? 0;
  const openedMs = swarm.hives.flatMap((hive) => hive.openedMs.filter((atMs) => atMs > listensMs));
  return { tookMs: allMs - listensMs, falseDowns, streams, callbacks, refused, rate: mostInOneSecond(openedMs) };
}

function mostInOneSecond(timesMs: readonly number[]): number {
  const sorted = timesMs.toSorted((a, b) => a - b);
  return Math.max(...sorted.map((fromMs, index) => sorted.findLastIndex((atMs) => atMs < fromMs + 1_000) + 1 - index));
}

describe('a queen that dies', () => {
  scenario({ row: '1', name: 'queen killed and back at once, 100 hives' }, async (measures) => {
    const { tookMs, streams, falseDowns, callbacks } = await restartUnder(100, 0);
    measures.atMost('all telemetry flows', tookMs, 5_000);
    measures.exactly('streams per hive', streams, 1);
    measures.exactly('false downs', falseDowns, 0);
    measures.noMore('callbacks per hive', callbacks / 100, 1);
  });

  scenario({ row: '1', name: 'queen killed and back after 10 s, 100 hives', long: true }, async (measures) => {
    const { tookMs, streams } = await restartUnder(100, 10_000);
    measures.atMost('all telemetry flows', tookMs, 5_000);
    measures.exactly('streams per hive', streams, 1);
  });

  scenario(
    { row: '1', name: 'queen killed and back after 60 s, 100 hives', long: true, timeoutMs: 180_000 },
    async (measures) => {
      const { tookMs, streams, falseDowns } = await restartUnder(100, 60_000, { quietMs: 30_000 });
      measures.atMost('all telemetry flows', tookMs, 5_000);
      measures.exactly('false downs in 30 s', falseDowns, 0);
      measures.exactly('streams per hive', streams, 1);
    },
  );

  scenario(
    { row: '13', name: 'queen killed and back at once, 1,000 hives', long: true, timeoutMs: 120_000 },
    async (measures) => {
      const { tookMs, streams, refused, rate } = await restartUnder(1_000, 0);
      measures.atMost('all telemetry flows', tookMs, 10_000);
      measures.noMore('streams opened in a second, most', rate, 300);
      measures.exactly('streams per hive', streams, 1);
      measures.tell('callbacks told to come later', String(refused));
    },
  );
});

describe('a herd', () => {
  scenario(
    { row: '13', name: 'queen back without its memory, 1,000 hives', long: true, timeoutMs: 120_000 },
    async (measures) => {
      const { tookMs, streams, refused, rate, callbacks } = await restartUnder(1_000, 0, { forgets: true });
      measures.atMost('all telemetry flows', tookMs, 10_000);
      measures.noMore('streams opened in a second, most', rate, 300);
      measures.exactly('streams per hive', streams, 1);
      measures.noMore('callbacks per hive', callbacks / 1_000, 2);
      measures.tell('callbacks told to come later', String(refused));
    },
  );

  scenario({ row: '13', name: 'more callbacks than the queen can dial', long: true }, async (measures) => {
    await using queen = await QueenService.start({ args: ['--dials-per-s', '1'] });
    const [count, atOnce] = [2_200, 100];
    const refused: (string | null)[] = [];
    const took: number[] = [];
    for (let sent = 0; sent < count; sent += atOnce) {
      const answers = Array.from({ length: atOnce }, async (_, index) => {
        const startMs = performance.now();
        // Nothing listens there: all that matters is the line in front of the dial.
        const { status, retryAfter } = await announce(queen.url, {
          hive_id: `h${sent + index}`,
          hive_url: 'http://127.0.0.1:9835',
        });
        took.push(performance.now() - startMs);
        if (status === 503) refused.push(retryAfter);
      });
      await Promise.all(answers);
    }
    measures.noLess('refused with 503', refused.length, count - 2_000 - 60);
    measures.exactly('of those without Retry-After', refused.filter((value) => value === null).length, 0);
    measures.atMost('slowest answer', Math.max(...took), 2_000);
    measures.exactly('hives taken in', (await hivesOf(queen.url)).length, count - refused.length);
  });

  scenario({ row: '13', name: 'a queen that remembers 2,500 hives starts', long: true }, async (measures) => {
    const hives = Array.from({ length: 2_500 }, (_, index) => ({
      ...{ hive_id: `h${index}`, hive_url: `http://127.0.0.1:${20_000 + index}` },
      ...{ boot_id: null, version: null, interval_ms: 1000 },
    }));
    using state = new TempTree({ 'queen-state.json': JSON.stringify({ schema: 1, hives }) });
    await using queen = await QueenService.start({ env: { QUEEN_STATE_DIR: state.root } });
    await using hive = await HiveService.start('a', queen.url);
    measures.exactly('hives remembered', (await hivesOf(queen.url)).length, 2_500);
    using watch = new FleetWatch(queen.url);
    const listensMs = performance.now();
    measures.atMost('a new hive is read', (await watch.telemetryAfter(hive.hiveId, 0, 40_000)) - listensMs, 10_000);
  });
});

describe('either may start first', () => {
  scenario(
    { row: '3', name: 'queen appears 45 s after the hive', long: true, timeoutMs: 120_000 },
    async (measures) => {
      await using queen = await QueenService.create();
      await using hive = await HiveService.start('a', queen.url);
      await lasting(45_000);
      const listensMs = await queen.start();
      using watch = new FleetWatch(queen.url);
      measures.atMost('found', (await watch.telemetryAfter(hive.hiveId, listensMs, 60_000)) - listensMs, 31_000);
    },
  );

  const bothDie = async (first: 'queen' | 'hive', gapMs: number): Promise<number> => {
    await using queen = await QueenService.start();
    await using hive = await HiveService.start('a', queen.url);
    using watch = new FleetWatch(queen.url);
    await watch.telemetryAfter('a', 0);
    await Promise.all([queen.kill(), hive.kill()]);
    const [one, other] = first === 'queen' ? [queen, hive] : [hive, queen];
    await one.start();
    await lasting(gapMs);
    const listensMs = await other.start();
    return (await watch.telemetryAfter('a', listensMs, 60_000)) - listensMs;
  };

  scenario(
    { row: '3', name: 'both die, the hive comes back first, the queen 1 s later', long: true },
    async (measures) => {
      measures.atMost('telemetry flows', await bothDie('hive', 1_000), 5_000);
    },
  );

  for (const first of ['queen', 'hive'] as const) {
    for (const gapS of [0, 5, 40]) {
      // A hive alone calls at 0, 2, 6, 14, 30 s and then at most every 30 s; a queen that remembers it dials at once.
      scenario(
        { row: '3', name: `both die, the ${first} comes back first, the other ${gapS} s later`, long: true },
        async (measures) => measures.atMost('telemetry flows', await bothDie(first, gapS * 1_000), 5_000),
      );
    }
  }
});

describe('callbacks', () => {
  scenario({ row: '12', name: 'a thousand callbacks in a row for one hive' }, async (measures) => {
    await using queen = await QueenService.start();
    await using hive = await HiveService.start('a', queen.url);
    await untilHealthy(queen.url, ['a']);
    const callback = { hive_id: 'a', hive_url: hive.url };
    let refused = 0;
    for (let sent = 0; sent < 1_000; sent += 50) {
      const answers = await Promise.all(Array.from({ length: 50 }, () => announce(queen.url, callback)));
      refused += answers.filter(({ status }) => status !== 200).length;
    }
    measures.exactly('refused', refused, 0);
    await eventually('the streams have settled', () => connectionsTo(queen.pid, hive.url) === 1);
    measures.exactly('connections', connectionsTo(queen.pid, hive.url), 1);
    measures.exactly('hives', (await hivesOf(queen.url)).length, 1);
    await untilHealthy(queen.url, ['a']);
  });

  scenario({ row: '12', name: 'the answer to a callback never arrives', long: true }, async (measures) => {
    await using queen = await QueenService.start();
    await using path = await ToxicProxy.start(queen.url);
    path.toxics.mute = true;
    using watch = new FleetWatch(queen.url);
    await using hive = await HiveService.create('a', path.url);
    const listensMs = await hive.start();
    measures.atMost('telemetry', (await watch.telemetryAfter('a', 0)) - listensMs, 2_000);
    await lasting(8_000);
    path.heal();
    await lasting(4_000);
    measures.exactly('callbacks', path.used, 1);
    measures.exactly('connections', connectionsTo(queen.pid, hive.url), 1);
    measures.exactly('samples missed', watch.gapsBetween('a', 0, performance.now()), 0);
  });

  scenario({ row: '12', name: 'steady state for 60 s, 10 hives', long: true, timeoutMs: 120_000 }, async (measures) => {
    await using queen = await QueenService.start();
    await using swarm = await Swarm.start({ count: 10, queenUrl: queen.url });
    using watch = new FleetWatch(queen.url);
    await watch.allAfter(swarm.ids, 0);
    const fromMs = performance.now();
    await lasting(60_000);
    const counts = swarm.hives.map(({ callbacks }) => callbacks.length);
    measures.exactly('callbacks per hive, least', Math.min(...counts), 1);
    measures.exactly('callbacks per hive, most', Math.max(...counts), 1);
    const gaps = swarm.ids.map((id) => watch.gapsBetween(id, fromMs, performance.now()));
    measures.exactly('samples missed', Math.max(...gaps), 0);
    measures.exactly('samples twice', watch.duplicates, 0);
  });
});
