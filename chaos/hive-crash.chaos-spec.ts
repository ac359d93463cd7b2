import { describe } from '@jest/globals';

import { eventually, FakeHive } from '#testing';

import { FleetWatch } from './harness/fleet-watch.js';
import { lasting } from './harness/lasting.js';
import { connectionsTo } from './harness/process-facts.js';
import { type Measures, scenario } from './harness/scenario.js';
import { Pair } from './harness/pair.js';
import { hiveOf, QueenService } from './harness/service.js';

const isDown = ({ health }: { health: string }): boolean => health === 'down';

describe('a hive that dies', () => {
  const killed = async (measures: Measures, outageMs: number, boundMs: number): Promise<void> => {
    await using fleet = await Pair.start();
    const { queen, hive, watch } = fleet;
    const killedMs = await hive.kill();
    const downMs = await watch.stateAfter('a', 'is down', isDown, { sinceMs: killedMs });
    measures.atMost('down', downMs - killedMs, 1_000);
    await lasting(outageMs);
    const listensMs = await hive.start();
    measures.atMost('telemetry after it listens', (await watch.telemetryAfter('a', listensMs)) - listensMs, boundMs);
    await eventually('one connection', () => connectionsTo(queen.pid, hive.url) === 1);
    measures.exactly('connections', connectionsTo(queen.pid, hive.url), 1);
  };

  scenario({ row: '2', name: 'hive killed and back on the same port' }, (measures) => killed(measures, 0, 2_000));

  scenario(
    { row: '2', name: 'hive killed for 60 s and back on the same port', long: true, timeoutMs: 120_000 },
    (measures) => killed(measures, 60_000, 2_000),
  );

  scenario({ row: '9', name: 'hive killed and back on another port' }, async (measures) => {
    await using fleet = await Pair.start();
    const { queen, hive, watch } = fleet;
    const before = hive.url;
    await hive.kill();
    const listensMs = await hive.startElsewhere();
    measures.atMost('telemetry after it listens', (await watch.telemetryAfter('a', listensMs)) - listensMs, 3_000);
    measures.exactly('shown at its new address', String((await hiveOf(queen.url, 'a')).hive_url === hive.url), 'true');
    measures.exactly('connections to the old port', connectionsTo(queen.pid, before), 0);
  });

  for (const gapMs of [500, 2_900, 3_100, 4_900]) {
    scenario({ row: '11', name: `a hive restarts within ${gapMs / 1000} s`, long: true }, async (measures) => {
      await using queen = await QueenService.start();
      using watch = new FleetWatch(queen.url);
      const first = await FakeHive.start({ hiveId: 'a', bootId: 'first', intervalMs: 200 });
      const { port } = first;
      try {
        await first.announceTo(queen.url);
        await watch.telemetryAfter('a', 0);
        await eventually('some samples', () => watch.of('a').length > 5);
      } finally {
        await first[Symbol.asyncDispose]();
      }
      await lasting(gapMs);
      await using second = await FakeHive.start({ hiveId: 'a', bootId: 'second', intervalMs: 200, port });
      const backMs = performance.now();
      await second.announceTo(queen.url);
      const { atMs, seq } = await eventually('the new start', () =>
        watch.of('a').find(({ bootId }) => bootId === 'second'),
      );
      measures.atMost('the new start is read', atMs - backMs, 1_500);
      measures.noMore('its numbers start over at', seq, 3);
      measures.exactly('streams', second.openStreams, 1);
    });
  }
});

describe('a hive that stands still', () => {
  scenario({ row: '6', name: 'hive stopped for 4 s', long: true }, async (measures) => {
    await using fleet = await Pair.start();
    const { queen, hive, watch } = fleet;
    const frozenMs = performance.now();
    hive.process.freeze();
    try {
      const degradedMs = await watch.stateAfter('a', 'is degraded', ({ health }) => health === 'degraded', {
        sinceMs: frozenMs,
      });
      measures.atMost('degraded', degradedMs - frozenMs, 4_000);
      await lasting(4_000 - (performance.now() - frozenMs));
    } finally {
      hive.process.thaw();
    }
    const thawedMs = performance.now();
    measures.atMost('telemetry', (await watch.telemetryAfter('a', thawedMs)) - thawedMs, 1_000);
    measures.exactly('downs', watch.changesAfter(frozenMs).filter(isDown).length, 0);
    measures.exactly('connections', connectionsTo(queen.pid, hive.url), 1);
  });

  const frozen = async (measures: Measures, frozenForMs: number, recoveredMs: number): Promise<void> => {
    await using fleet = await Pair.start();
    const { queen, hive, watch } = fleet;
    const frozenMs = performance.now();
    hive.process.freeze();
    try {
      const tornMs = await watch.stateAfter('a', 'is torn down', ({ connection }) => connection !== 'connected', {
        sinceMs: frozenMs,
      });
      measures.atMost('torn down', tornMs - frozenMs, 6_000);
      const downMs = await watch.stateAfter('a', 'is down', isDown, { sinceMs: frozenMs });
      measures.atMost('down', downMs - frozenMs, 11_000);
      await lasting(Math.max(0, frozenForMs - (performance.now() - frozenMs)));
    } finally {
      hive.process.thaw();
    }
    const thawedMs = performance.now();
    measures.atMost('telemetry', (await watch.telemetryAfter('a', thawedMs)) - thawedMs, recoveredMs);
    await eventually('one connection', () => connectionsTo(queen.pid, hive.url) === 1);
    measures.exactly('connections', connectionsTo(queen.pid, hive.url), 1);
  };

  scenario({ row: '6', name: 'hive stopped for 8 s', long: true }, (measures) => frozen(measures, 8_000, 1_000));

  // Its own 3 s without a reader may have to pass first, then its callback cuts the queen's wait short.
  scenario({ row: '6', name: 'hive stopped for 60 s', long: true, timeoutMs: 120_000 }, (measures) =>
    frozen(measures, 60_000, 5_000),
  );
});
