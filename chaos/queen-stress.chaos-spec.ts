import { execFileSync } from 'node:child_process';
import { join } from 'node:path';

import { describe } from '@jest/globals';

import { eventually, SseProbe, Swarm, TempTree } from '#testing';

import { Browser } from './harness/browser.js';
import { FleetWatch } from './harness/fleet-watch.js';
import { lasting } from './harness/lasting.js';
import { mode } from './harness/mode.js';
import { mountsImpossible, prlimitMissing } from './harness/abilities.js';
import { Pair } from './harness/pair.js';
import { connectionsTo, residentMbOf } from './harness/process-facts.js';
import { type Measures, scenario } from './harness/scenario.js';
import { HiveService, hivesOf, QueenService, untilHealthy } from './harness/service.js';
import { Stack } from './harness/stack.js';

/** Longer than the silence after which a stream is torn down, or than that after which a hive is down. */
const FROZEN_MS = mode.long ? 10_000 : 6_000;
const STREAM = '/v1/heartbeats/stream';

describe('a queen that stands still', () => {
  scenario({ row: '19', name: `queen stopped for ${FROZEN_MS / 1000} s, 20 hives` }, async (measures) => {
    await using queen = await QueenService.start();
    await using swarm = await Swarm.start({ count: 20, queenUrl: queen.url });
    using watch = new FleetWatch(queen.url);
    await watch.allAfter(swarm.ids, 0);
    await untilHealthy(queen.url, swarm.ids);
    const opened = swarm.hives.map(({ openedMs }) => openedMs.length);
    const frozenMs = performance.now();
    queen.process.freeze();
    await lasting(FROZEN_MS).finally(() => queen.process.thaw());
    const thawedMs = performance.now();
    measures.atMost('all telemetry flows', (await watch.allAfter(swarm.ids, thawedMs)) - thawedMs, 2_000);
    await watch.allAfter(swarm.ids, performance.now() + 1_000);
    const changes = watch.changesAfter(frozenMs);
    measures.exactly('live hives called down', changes.filter(({ health }) => health === 'down').length, 0);
    measures.exactly('live hives called degraded', changes.filter(({ health }) => health === 'degraded').length, 0);
    const redialled = swarm.hives.filter(({ openedMs }, index) => openedMs.length !== opened[index]).length;
    measures.exactly('streams opened anew', redialled, 0);
  });
});

describe('viewers', () => {
  scenario({ row: '18', name: 'SIGTERM under 500 viewers and 20 hives' }, async (measures) => {
    await using queen = await QueenService.start();
    await using swarm = await Swarm.start({ count: 20, queenUrl: queen.url });
    await eventually('all are read', () => swarm.read === 20);
    const viewers = Array.from({ length: 500 }, () => new SseProbe(`${queen.url}${STREAM}`));
    try {
      await eventually('all see the fleet', () => viewers.every(({ events }) => events.length > 0), 20_000);
      const { code, tookMs } = await queen.process.end('SIGTERM');
      measures.atMost('ends', tookMs, 2_000);
      measures.exactly('exit code', String(code), '0');
      await eventually('all streams end', () => viewers.every(({ ended }) => ended));
      const told = viewers.filter(({ events }) => events.at(-1)?.event === 'closing').length;
      measures.exactly('viewers told', told, 500);
    } finally {
      for (const viewer of viewers) viewer[Symbol.dispose]();
    }
  });

  scenario({ row: '13b', name: '1,000 browsers of a queen that restarts', long: true }, async (measures) => {
    await using queen = await QueenService.start();
    const browsers = Array.from({ length: 1_000 }, () => new Browser(`${queen.url}${STREAM}`));
    try {
      await eventually(
        'all are connected',
        () => browsers.every(({ connectedMs }) => connectedMs.length === 1),
        20_000,
      );
      await lasting(1_000);
      await queen.kill();
      const listensMs = await queen.start();
      await eventually('all are back', () => browsers.every(({ connectedMs }) => connectedMs.length >= 2), 20_000);
      const backMs = browsers.map(({ connectedMs }) => connectedMs[1] ?? 0);
      measures.atMost('all are back', Math.max(...backMs) - listensMs, 7_000);
      const tenths = new Map<number, number>();
      for (const atMs of backMs) tenths.set(Math.floor(atMs / 100), (tenths.get(Math.floor(atMs / 100)) ?? 0) + 1);
      measures.noMore('in a tenth of a second, most', Math.max(...tenths.values()), 50);
    } finally {
      for (const browser of browsers) browser[Symbol.dispose]();
    }
  });

  scenario(
    { row: '5', name: 'a viewer that does not read, 100 hives', long: true, timeoutMs: 180_000 },
    async (measures) => {
      await using queen = await QueenService.start();
      await using swarm = await Swarm.start({ count: 100, queenUrl: queen.url });
      using watch = new FleetWatch(queen.url);
      await watch.allAfter(swarm.ids, 0);
      using slow = new SseProbe(`${queen.url}${STREAM}`);
      await slow.waitFor('the snapshot', ({ event }) => event === 'snapshot');
      await lasting(3_000);
      const memoryMb = residentMbOf(queen.pid);
      const fromMs = performance.now();
      slow.pause();
      await lasting(90_000);
      const gaps = swarm.ids.map((id) => watch.gapsBetween(id, fromMs, performance.now()));
      measures.exactly('samples that others missed', Math.max(...gaps), 0);
      measures.noMore('memory of the queen grew by', residentMbOf(queen.pid) - memoryMb, 50, ' MiB');
      slow.resume();
      await eventually(
        'it was dropped, or told that it lags',
        () => slow.ended || slow.ofType('lag').length > 0,
        20_000,
      );
      measures.tell('the slow one was', slow.ended ? 'dropped' : 'told that it lags');
      using again = new SseProbe(`${queen.url}${STREAM}`);
      await again.waitFor('a snapshot', ({ event }) => event === 'snapshot', 1_000);
    },
  );
});

describe('resources that run out', () => {
  const withStateDir = async (measures: Measures, prepare: (dir: string) => string): Promise<void> => {
    using folder = new TempTree({ 'state/': '' });
    const state = join(folder.root, 'state');
    // A mount of its own namespace: gone with the process, whatever happens.
    const under = ['unshare', '--mount', 'sh', '-c', `${prepare(state)} && exec "$@"`, 'sh'];
    await using queen = await QueenService.start({ under, env: { QUEEN_STATE_DIR: state } });
    await using swarm = await Swarm.start({ count: 200, queenUrl: queen.url });
    using watch = new FleetWatch(queen.url);
    const startedMs = performance.now();
    measures.atMost('all telemetry flows', (await watch.allAfter(swarm.ids, 0)) - startedMs, 5_000);
    await eventually('it warns', () => / warn .*queen-state/.test(queen.process.stderr));
    measures.tell('it says', / warn +\[[^\]]*\] (.*)/.exec(queen.process.stderr)?.[1]?.trim() ?? 'nothing');
    measures.exactly('the queen runs', String(queen.running), 'true');
  };

  scenario({ row: '23', name: 'state folder on a full disk', impossible: mountsImpossible }, (measures) =>
    withStateDir(measures, (dir) => `mount -t tmpfs -o size=64k tmpfs ${dir} && (cat /dev/zero > ${dir}/full || true)`),
  );

  scenario({ row: '23', name: 'read-only state folder', impossible: mountsImpossible, long: true }, (measures) =>
    withStateDir(measures, (dir) => `mount -t tmpfs -o ro tmpfs ${dir}`),
  );

  scenario(
    { row: '22', name: '256 descriptors and 400 viewers', impossible: prlimitMissing, long: true, timeoutMs: 120_000 },
    async (measures) => {
      await using queen = await QueenService.start();
      // Not from the start: Node opens more files than that while it loads modules.
      execFileSync('prlimit', ['--pid', String(queen.pid), '--nofile=256:256']);
      await using stack = new Stack();
      const hive = stack.use(await HiveService.start('a', queen.url));
      const swarm = stack.use(await Swarm.start({ count: 20, queenUrl: queen.url }));
      using watch = new FleetWatch(queen.url);
      const ids = ['a', ...swarm.ids];
      await watch.allAfter(ids, 0);
      const crowdMs = performance.now();
      const viewers = Array.from({ length: 400 }, () => new SseProbe(`${queen.url}${STREAM}`));
      try {
        await lasting(5_000);
        measures.exactly('the queen runs', String(queen.running), 'true');
        const gaps = ids.map((id) => watch.gapsBetween(id, crowdMs, performance.now()));
        measures.exactly('samples missed', Math.max(...gaps), 0);
        measures.exactly('hives called down', watch.changesAfter(crowdMs).length, 0);
        measures.tell('viewers served', String(viewers.filter(({ events }) => events.length > 0).length));
        await hive.kill();
        const listensMs = await hive.start();
        const backMs = await watch.telemetryAfter('a', listensMs, 10_000).catch(() => Number.POSITIVE_INFINITY);
        measures.atMost('a hive that restarts is read again', backMs - listensMs, 5_000);
      } finally {
        for (const viewer of viewers) viewer[Symbol.dispose]();
      }
      await eventually('the queen answers', async () => (await hivesOf(queen.url)).length === ids.length);
      await untilHealthy(queen.url, ids);
    },
  );

  scenario({ row: '18', name: 'SIGTERM of a hive: it says goodbye and comes back', long: true }, async (measures) => {
    await using fleet = await Pair.start();
    const { queen, hive, watch } = fleet;
    const endMs = performance.now();
    const { code, tookMs } = await hive.process.end('SIGTERM');
    measures.exactly('exit code', String(code), '0');
    measures.atMost('ends', tookMs, 2_000);
    const stoppedMs = await watch.stateAfter('a', 'stopped', ({ connection }) => connection === 'stopped', {
      sinceMs: endMs,
    });
    measures.atMost('shown as stopped', stoppedMs - endMs, 2_000);
    const listensMs = await hive.start();
    measures.atMost('telemetry after it listens', (await watch.telemetryAfter('a', listensMs)) - listensMs, 2_000);
    await eventually('one connection', () => connectionsTo(queen.pid, hive.url) === 1);
  });
});
