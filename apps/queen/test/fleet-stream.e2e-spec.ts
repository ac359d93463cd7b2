import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import request from 'supertest';

import type { HiveTelemetryEvent, QueenEvent, SnapshotEvent } from '#contracts';
import { eventually, FakeHive, type RunningApp, sampleTelemetry, sampleWorker, SseProbe } from '#testing';

import { hiveThat, LogProbe, startQueen } from './queen-under-test.js';

describe('GET /v1/heartbeats/stream of the queen', () => {
  const log = new LogProbe();
  let queen: RunningApp;
  let stream: string;

  beforeEach(async () => {
    queen = await startQueen([], log);
    stream = `${queen.url}/v1/heartbeats/stream`;
  });

  afterEach(async () => {
    await queen[Symbol.asyncDispose]();
  });

  const connected = async (hive: FakeHive): Promise<void> => {
    await hive.announceTo(queen.url);
    await eventually(`${hive.hiveId} is read`, () => hive.openStreams === 1);
  };

  it('answers as a stream that nobody on the way may touch', async () => {
    using viewer = new SseProbe(stream);
    await viewer.waitFor('snapshot', ({ event }) => event === 'snapshot');
    expect(viewer.status).toBe(200);
    expect(viewer.headers['content-type']).toBe('text/event-stream');
    expect(viewer.headers['cache-control']).toBe('no-store, no-transform');
    expect(viewer.headers['x-accel-buffering']).toBe('no');
    expect(viewer.headers['x-powered-by']).toBeUndefined();
  });

  it('sends the snapshot first, then telemetry, with the fields that clients read', async () => {
    await using hive = await FakeHive.start({ hiveId: 'gpu-a' });
    await connected(hive);
    hive.beat({ workers: [sampleWorker()] });
    await hiveThat(queen.url, 'gpu-a', ({ telemetry }) => telemetry !== null, 'seen');
    using viewer = new SseProbe(stream);
    await viewer.waitFor('snapshot', () => true);
    hive.beat({ workers: [sampleWorker()] });
    await viewer.waitFor('telemetry', ({ json }) => json['type'] === 'hive_telemetry');
    const [snapshot, telemetry] = viewer.events;
    expect(snapshot?.event).toBe('snapshot');
    const { hives } = snapshot?.json as unknown as SnapshotEvent;
    expect(hives.map(({ hive_id, telemetry: latest }) => [hive_id, latest?.seq])).toEqual([['gpu-a', 1]]);
    expect(telemetry?.event).toBe('heartbeat');
    const event = telemetry?.json as unknown as HiveTelemetryEvent;
    expect(event).toMatchObject({ hive_id: 'gpu-a', seq: 2, workers: [{ model: 'Qwen/Qwen3-8B' }] });
    expect(Object.keys(event).sort()).toEqual(
      'collection gpus hive_id hive_info interval_ms node received_at seq timestamp type workers'.split(' '),
    );
    expect(Number.isNaN(Date.parse(event.received_at))).toBe(false);
  });

  it('speaks LF, one line of data, an id on every event, no reserved name', async () => {
    await using hive = await FakeHive.start({ hiveId: 'gpu-a' });
    using viewer = new SseProbe(stream);
    await viewer.waitFor('snapshot', () => true);
    await connected(hive);
    const collection = {
      status: 'partial' as const,
      took_ms: 1,
      monitors: [
        { name: 'nvidia', status: 'failed' as const, took_ms: 1, age_ms: null, error: 'line\r\nbreak\u2028 \u0000 ü' },
      ],
    };
    hive.beat({ collection });
    const { json } = await viewer.waitFor('telemetry', (event) => event.json['type'] === 'hive_telemetry');
    expect(json['collection']).toEqual(collection);
    expect(viewer.text).not.toContain('\r');
    const [first = '', ...blocks] = viewer.text.split('\n\n').slice(0, -1);
    // Drawn from 1 to 6 s, so that viewers who lost their queen together don't come back together.
    expect(first).toMatch(/^retry: [1-6]\d{3}$/);
    for (const block of blocks)
      expect(block).toMatch(/^id: [\w-]+:\d+\nevent: (snapshot|heartbeat|hive_state)\ndata: [^\n]+$/);
  });

  it('says every 2.5 s how the fleet is', async () => {
    await using hive = await FakeHive.start({ hiveId: 'gpu-a', intervalMs: 200 });
    await connected(hive);
    hive.beat({ workers: [sampleWorker(), sampleWorker({ worker_id: 'gpu-a/vllm/8001', state: 'busy' })] });
    using viewer = new SseProbe(`${stream}?type=queen`);
    const [first, second] = await eventually(
      'two queen events',
      () => viewer.ofType('queen').length >= 2 && viewer.ofType('queen'),
    );
    expect((second?.arrivedMs ?? 0) - (first?.arrivedMs ?? 0)).toBeGreaterThan(2_000);
    expect((second?.arrivedMs ?? 0) - (first?.arrivedMs ?? 0)).toBeLessThan(3_000);
    const event = first?.json as unknown as QueenEvent;
    expect(event).toMatchObject({ hives_online: 1, hives_available: 1, hive_ids: ['gpu-a'] });
    expect(Object.keys(event).sort()).toEqual(
      'hive_ids hives_available hives_online timestamp type worker_ids workers_available workers_online'.split(' '),
    );
    expect(viewer.events.map(({ json }) => json['type'])).toEqual(['snapshot', 'queen', 'queen']);
  });

  it('merges three hives; one that dies leaves the others untouched', async () => {
    await using a = await FakeHive.start({ hiveId: 'a', intervalMs: 100 });
    await using b = await FakeHive.start({ hiveId: 'b', intervalMs: 100 });
    const c = await FakeHive.start({ hiveId: 'c', intervalMs: 100 });
    using viewer = new SseProbe(stream);
    for (const hive of [a, b, c]) await connected(hive);
    for (const id of ['a', 'b', 'c']) await viewer.waitFor(`telemetry of ${id}`, ({ json }) => json['hive_id'] === id);
    await c[Symbol.asyncDispose]();
    const state = await viewer.waitFor(
      'c is down',
      ({ json }) =>
        json['type'] === 'hive_state' &&
        json['hive_id'] === 'c' &&
        json['health'] === 'down' &&
        json['previous'] !== null,
    );
    expect(state.event).toBe('hive_state');
    const seen = (id: string): readonly number[] =>
      viewer.ofType('hive_telemetry').flatMap(({ json }) => (json['hive_id'] === id ? [Number(json['seq'])] : []));
    const before = seen('a').length;
    await eventually('a and b go on', () => seen('a').length > before + 5 && seen('b').length > before + 5);
    for (const id of ['a', 'b']) {
      const seqs = seen(id);
      expect(seqs).toEqual(seqs.map((_, index) => (seqs[0] ?? 0) + index));
    }
    expect(a.requests).toHaveLength(1);
    expect(b.requests).toHaveLength(1);
  });

  it('filters by hive and type, and throttles', async () => {
    await using a = await FakeHive.start({ hiveId: 'a', intervalMs: 50 });
    await using b = await FakeHive.start({ hiveId: 'b', intervalMs: 50 });
    for (const hive of [a, b]) await connected(hive);
    await hiveThat(queen.url, 'b', ({ telemetry }) => telemetry !== null, 'seen');
    using onlyA = new SseProbe(`${stream}?hive=a&type=hive_telemetry`);
    using throttled = new SseProbe(`${stream}?hive=b&type=hive_telemetry&throttle_ms=500`);
    await eventually('forty events of a', () => onlyA.ofType('hive_telemetry').length >= 40);
    const kinds = new Set(
      onlyA.events.slice(1).map(({ json }) => `${String(json['type'])} ${String(json['hive_id'])}`),
    );
    expect([...kinds]).toEqual(['hive_telemetry a']);
    expect((onlyA.events[0]?.json as unknown as SnapshotEvent).hives.map(({ hive_id }) => hive_id)).toEqual(['a']);
    const slow = throttled.ofType('hive_telemetry');
    expect(slow.length).toBeGreaterThanOrEqual(2);
    expect(slow.length).toBeLessThanOrEqual(6);
    expect(throttled.ofType('lag')).toEqual([]);
  });

  it.each([
    ['type=nonsense', 'type'],
    ['throttle_ms=fast', 'throttle_ms'],
    ['throttle_ms=-1', 'throttle_ms'],
    ['fields=node,seq', 'fields'],
    ['hive=a&hive=b', 'hive'],
  ])('refuses ?%s as JSON before the first byte of a stream', async (query, field) => {
    const response = await request(queen.url).get(`/v1/heartbeats/stream?${query}`);
    expect(response.status).toBe(400);
    expect(Object.keys((response.body as { fields: object }).fields)).toEqual([field]);
  });

  it('counts malformed telemetry, reports it once, drops it, and keeps the connection', async () => {
    await using hive = await FakeHive.start({ hiveId: 'messy' });
    await connected(hive);
    hive.beat();
    const good = sampleTelemetry('messy', 2);
    const bad = [
      'not json',
      '[]',
      'null',
      '{}',
      { ...good, seq: -1 },
      { ...good, seq: '2' },
      { ...good, node: null },
      { ...good, gpus: {} },
      { ...good, gpus: Array.from({ length: 65 }, () => ({})) },
      { ...good, node: { ...good.node, cpu_pct: 'a lot' } },
      JSON.stringify(good).replace('"cpu_pct":12.5', '"cpu_pct":1e400'),
      { ...good, hive_info: { ...good.hive_info, hostname: 'x'.repeat(300) } },
      `${'['.repeat(10_000)}${']'.repeat(10_000)}`,
    ];
    for (const data of bad) hive.send(data);
    hive.send('{"status":"fine"}', 'error');
    hive.send(good, 'open');
    hive.send(`{"__proto__":{"polluted":1},${JSON.stringify({ ...good, seq: 3 }).slice(1)}`);
    const view = await hiveThat(queen.url, 'messy', ({ telemetry }) => telemetry?.seq === 3, 'at sample 3');
    expect(view).toMatchObject({ connection: 'connected', events_malformed: bad.length, events_missed: 1 });
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
    expect(hive.requests).toHaveLength(1);
    expect(log.warnings.filter((warning) => warning.includes('messy'))).toHaveLength(1);
    expect(log.errors).toEqual([]);
  });

  it('refuses an event that claims to be of another hive', async () => {
    await using honest = await FakeHive.start({ hiveId: 'honest', intervalMs: 100 });
    await using liar = await FakeHive.start({ hiveId: 'liar' });
    for (const hive of [honest, liar]) await connected(hive);
    await hiveThat(queen.url, 'honest', ({ telemetry }) => telemetry !== null, 'seen');
    liar.send(sampleTelemetry('honest', 9_999));
    const view = await hiveThat(queen.url, 'liar', ({ connection }) => connection === 'rejected', 'rejected');
    expect(view.last_error).toBe('it is honest, not liar');
    expect((await hiveThat(queen.url, 'honest', () => true, 'there')).telemetry?.seq).toBeLessThan(9_999);
  });

  it('drops what it saw before and counts what it missed', async () => {
    await using hive = await FakeHive.start({ hiveId: 'gappy' });
    await connected(hive);
    using viewer = new SseProbe(stream);
    await viewer.waitFor('snapshot', () => true);
    for (const seq of [1, 2, 2, 1, 7]) hive.send(sampleTelemetry('gappy', seq));
    await viewer.waitFor('sample 7', ({ json }) => json['seq'] === 7);
    expect(viewer.ofType('hive_telemetry').map(({ json }) => json['seq'])).toEqual([1, 2, 7]);
    expect((await hiveThat(queen.url, 'gappy', () => true, 'there')).events_missed).toBe(4);
  });

  it('gives a slow viewer fewer, newer events, says how many, and slows nobody down', async () => {
    await using hive = await FakeHive.start({ hiveId: 'wide' });
    await connected(hive);
    using slow = new SseProbe(`${stream}?type=hive_telemetry`);
    using quick = new SseProbe(stream);
    await Promise.all([slow, quick].map((viewer) => viewer.waitFor('snapshot', () => true)));
    slow.pause();
    const wide = Array.from({ length: 500 }, (_, index) => sampleWorker({ worker_id: `wide/vllm/${index}` }));
    const beats = 60;
    for (let beat = 1; beat <= beats; beat++) {
      hive.beat({ workers: wide });
      await quick.waitFor(`sample ${beat}`, ({ json }) => json['seq'] === beat);
    }
    slow.resume();
    const lag = await slow.waitFor('lag', ({ event }) => event === 'lag');
    await slow.waitFor('the last sample', ({ json }) => json['seq'] === beats);
    const received = slow.ofType('hive_telemetry').map(({ json }) => Number(json['seq']));
    expect(received).toEqual([...received].sort((a, b) => a - b));
    expect(received.length + Number(lag.json['dropped'])).toBe(beats);
    expect(quick.ofType('hive_telemetry')).toHaveLength(beats);
  });

  it('replays to a viewer that comes back exactly what it missed, once, in order', async () => {
    await using hive = await FakeHive.start({ hiveId: 'gpu-a' });
    await connected(hive);
    const first = new SseProbe(stream);
    using steady = new SseProbe(stream);
    await Promise.all([first, steady].map((viewer) => viewer.waitFor('snapshot', () => true)));
    hive.beat();
    const seen = await first.waitFor('sample 1', ({ json }) => json['seq'] === 1);
    first[Symbol.dispose]();
    for (let seq = 2; seq <= 5; seq++) hive.beat();
    await steady.waitFor('sample 5', ({ json }) => json['seq'] === 5);
    using second = new SseProbe(stream, { 'Last-Event-ID': seen.id });
    hive.beat();
    await second.waitFor('sample 6', ({ json }) => json['seq'] === 6);
    const after = steady.events.slice(steady.events.findIndex(({ id }) => id === seen.id) + 1);
    expect(second.events.map(({ id, data }) => ({ id, data }))).toEqual(
      after.slice(0, second.events.length).map(({ id, data }) => ({ id, data })),
    );
    expect(second.ofType('hive_telemetry').map(({ json }) => json['seq'])).toEqual([2, 3, 4, 5, 6]);
  });

  it.each(['deadbeef:1', '1', 'x', '%', '', ':', 'a:b:c', `${'9'.repeat(400)}:1`])(
    'answers Last-Event-ID %.20s, which is not its own, with a snapshot',
    async (lastEventId) => {
      using viewer = new SseProbe(stream, { 'Last-Event-ID': lastEventId });
      const [first] = await eventually('an event', () => viewer.events.length > 0 && viewer.events);
      expect(first?.event).toBe('snapshot');
    },
  );

  it('leaves out the fields that nobody asked for', async () => {
    await using hive = await FakeHive.start({ hiveId: 'gpu-a' });
    await connected(hive);
    hive.beat();
    await hiveThat(queen.url, 'gpu-a', ({ telemetry }) => telemetry !== null, 'seen');
    using viewer = new SseProbe(`${stream}?fields=gpus,workers`);
    await viewer.waitFor('snapshot', () => true);
    hive.beat();
    const { json } = await viewer.waitFor('sample 2', (event) => event.json['seq'] === 2);
    expect(Object.keys(json).sort()).toEqual(
      'gpus hive_id interval_ms received_at seq timestamp type workers'.split(' '),
    );
    const [view] = (viewer.events[0]?.json as unknown as SnapshotEvent).hives;
    expect(view?.telemetry).toMatchObject({ seq: 1, gpus: [] });
    expect(view?.telemetry).not.toHaveProperty('node');
  });

  it('serves no more viewers than it may, and says when to come back', async () => {
    await using small = await startQueen(['--max-viewers', '2']);
    const url = `${small.url}/v1/heartbeats/stream`;
    const viewers = [new SseProbe(url), new SseProbe(`${url}?type=queen`)];
    await Promise.all(viewers.map((viewer) => viewer.waitFor('snapshot', () => true)));
    const refused = await request(small.url).get('/v1/heartbeats/stream');
    expect(refused.status).toBe(503);
    expect(refused.body).toMatchObject({ code: 'VIEWERS_FULL', message: '2 viewers are served already' });
    expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0);
    viewers[0]?.[Symbol.dispose]();
    using next = await eventually('room for the next', async () => {
      const viewer = new SseProbe(url);
      await eventually('an answer', () => viewer.status !== undefined);
      return viewer.status === 200 && viewer;
    });
    await next.waitFor('snapshot', () => true);
    viewers[1]?.[Symbol.dispose]();
  });

  it('stays warm without any hive', async () => {
    using viewer = new SseProbe(`${stream}?type=hive_telemetry`);
    await eventually('a comment', () => viewer.text.includes('\n:\n\n'), 11_000);
  });

  it('says closing and ends when the queen stops', async () => {
    const stopping = await startQueen();
    using viewer = new SseProbe(`${stopping.url}/v1/heartbeats/stream`);
    await viewer.waitFor('snapshot', () => true);
    const startedMs = performance.now();
    await stopping[Symbol.asyncDispose]();
    await eventually('the end', () => viewer.ended);
    expect(viewer.events.at(-1)).toMatchObject({ event: 'closing', json: { type: 'closing', reason: 'shutdown' } });
    expect(performance.now() - startedMs).toBeLessThan(2_000);
  });
});
