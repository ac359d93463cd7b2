import { describe } from '@jest/globals';

import { eventually, FakeHive } from '#testing';

import { FleetWatch } from './harness/fleet-watch.js';
import { lasting } from './harness/lasting.js';
import { scenario } from './harness/scenario.js';
import { hiveOf, QueenService } from './harness/service.js';

describe('one id, two hives', () => {
  scenario({ row: '8', name: 'the same id from a second URL, both running' }, async (measures) => {
    await using queen = await QueenService.start();
    await using newcomer = await FakeHive.start({ hiveId: 'a', bootId: 'newcomer', intervalMs: 500 });
    using watch = new FleetWatch(queen.url);
    const first = await FakeHive.start({ hiveId: 'a', bootId: 'first', intervalMs: 500 });
    let stoppedMs: number;
    try {
      await first.announceTo(queen.url);
      await watch.telemetryAfter('a', 0);
      const askedMs = performance.now();
      const { status, body } = await newcomer.announceTo(queen.url);
      measures.exactly('answer to the newcomer', status, 409);
      measures.atMost('answered', performance.now() - askedMs, 1_000);
      const named = [first.url, newcomer.url].filter((url) => String(body['message']).includes(url)).length;
      measures.exactly('URLs named', named, 2);
      const { connection, conflict, hive_url } = await hiveOf(queen.url, 'a');
      measures.exactly('shown as', connection, 'conflict');
      measures.exactly('claimant shown', conflict?.hive_url ?? 'none', newcomer.url);
      measures.exactly('place kept by', hive_url, first.url);
      const fromMs = performance.now();
      for (let again = 0; again < 4; again++) {
        await newcomer.announceTo(queen.url);
        await lasting(500);
      }
      const boots = watch.of('a').filter(({ atMs }) => atMs > fromMs);
      measures.exactly('samples of the newcomer', boots.filter(({ bootId }) => bootId !== 'first').length, 0);
      measures.exactly('streams to the newcomer', newcomer.openStreams, 0);
    } finally {
      stoppedMs = performance.now();
      await first[Symbol.asyncDispose]();
    }
    await eventually(
      'the newcomer takes the place',
      async () => {
        const { status } = await newcomer.announceTo(queen.url);
        await lasting(250);
        return status === 200 && watch.of('a').at(-1)?.bootId === 'newcomer';
      },
      20_000,
    );
    measures.atMost('the newcomer is read once the first is gone', performance.now() - stoppedMs, 6_000);
  });
});

describe('a hive that comes and goes', () => {
  scenario({ row: '7', name: 'up 2 s, down 2 s, for a minute', long: true, timeoutMs: 150_000 }, async (measures) => {
    await using queen = await QueenService.start();
    await using hive = await FakeHive.start({ hiveId: 'a', intervalMs: 500 });
    using watch = new FleetWatch(queen.url);
    await hive.announceTo(queen.url);
    await watch.telemetryAfter('a', 0);
    const fromMs = performance.now();
    let sent = 0;
    while (performance.now() - fromMs < 60_000) {
      hive.misbehave = (_, response) => {
        response.destroy();
        return true;
      };
      hive.endStreams();
      await lasting(2_000);
      hive.misbehave = undefined;
      await hive.announceTo(queen.url);
      await lasting(2_000);
      sent += 1;
    }
    measures.tell('times it went', String(sent));
    const view = await hiveOf(queen.url, 'a');
    measures.exactly('shown as flapping', String(view.flapping), 'true');
    const told = watch.states.filter(({ event, atMs }) => event.hive_id === 'a' && atMs > fromMs);
    // Until it is known that the hive flaps, each of the first six times is told of at once.
    const later = told.filter(({ atMs }) => atMs > fromMs + 26_000);
    const gaps = later.slice(1).map(({ atMs }, index) => atMs - (later[index]?.atMs ?? 0));
    measures.noLess('time between two states told', Math.min(...gaps) / 1000, 1.9, ' s');
    measures.noMore('dials', hive.requests.length, sent * 4);
    const seen = watch.of('a').filter(({ atMs }) => atMs > fromMs + 26_000).length;
    measures.noMore('samples hidden while flapping', view.events_received - watch.of('a').length, 0);
    measures.tell('samples told while flapping', String(seen));
  });
});
