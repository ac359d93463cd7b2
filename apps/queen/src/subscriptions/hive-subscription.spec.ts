import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import { gzipSync } from 'node:zlib';

import { afterEach, describe, expect, it } from '@jest/globals';

import type { TelemetryEvent } from '#contracts';
import { encodeSse, SystemClock } from '#service-kit';
import { eventually, FakeHive, type FakeHiveOptions, sampleTelemetry } from '#testing';

import type { DialGate } from './dial-gate.js';
import { HiveSubscription, type StreamEnding } from './hive-subscription.js';

const STREAM = { 'Content-Type': 'text/event-stream' };
const INTERVAL_MS = 200;
/** A gate that holds nobody up. */
const OPEN_GATE: Pick<DialGate, 'enter'> = {
  enter: (start) => {
    start();
    return { leave: () => undefined };
  },
};

/** A subscription to a hive, with all that it said. */
class Watched implements Disposable {
  readonly telemetry: TelemetryEvent[] = [];
  readonly malformed: string[] = [];
  readonly endings: StreamEnding[] = [];
  readonly subscription: HiveSubscription;
  private readonly watch: ReturnType<typeof setInterval>;

  constructor(hive: FakeHive) {
    const target = { hiveId: hive.hiveId, url: hive.url, intervalMs: INTERVAL_MS, queenId: 'queen-1', called: true };
    const listener = {
      onTelemetry: (event: TelemetryEvent) => void this.telemetry.push(event),
      onMalformed: (reason: string) => void this.malformed.push(reason),
      onEnd: (ending: StreamEnding) => void this.endings.push(ending),
    };
    this.subscription = new HiveSubscription(target, listener, new SystemClock(), OPEN_GATE);
    this.watch = setInterval(() => this.subscription.checkSilence(0), 20);
  }

  ended(kind: StreamEnding['kind'], reason: RegExp | string, deadlineMs?: number): Promise<StreamEnding> {
    return eventually(
      `ended as ${kind}: ${String(reason)}`,
      () => this.endings.find((ending) => ending.kind === kind && ending.reason.search(reason) >= 0),
      deadlineMs,
    );
  }

  [Symbol.dispose](): void {
    clearInterval(this.watch);
    this.subscription[Symbol.dispose]();
  }
}

const misbehaving = (misbehave: (response: ServerResponse) => void): Promise<FakeHive> =>
  FakeHive.start({
    hiveId: 'bad',
    misbehave: (_, response) => {
      misbehave(response);
      return true;
    },
  });

const telemetry = (seq: number, changes: object = {}): string =>
  JSON.stringify({ ...sampleTelemetry('bad', seq), interval_ms: INTERVAL_MS, ...changes });

describe('HiveSubscription', () => {
  const rejections: unknown[] = [];
  const note = (reason: unknown): void => void rejections.push(reason);
  process.on('unhandledRejection', note);

  afterEach(() => {
    expect(rejections).toEqual([]);
  });

  const start = (options: Partial<FakeHiveOptions> = {}): Promise<FakeHive> =>
    FakeHive.start({ hiveId: 'good', ...options });

  it('names the queen, asks for no compression and reads what comes', async () => {
    await using hive = await start();
    using watched = new Watched(hive);
    await eventually('the stream', () => hive.openStreams === 1);
    hive.beat();
    await eventually('telemetry', () => watched.telemetry.length === 1);
    expect(hive.requests[0]?.headers).toMatchObject({
      'x-apiary-queen': 'queen-1',
      'accept-encoding': 'identity',
      accept: 'text/event-stream',
    });
    expect(watched.subscription.state).toEqual({ kind: 'live' });
  });

  it.each([201, 204, 206, 301, 302, 307, 308, 400, 401, 403, 404, 410])(
    'takes a %i for something that is no hive, lets go of the connection, and asks again later',
    async (status) => {
      await using hive = await misbehaving((response) => {
        response.writeHead(status, { Location: 'http://127.0.0.1:1/', 'Content-Type': 'text/event-stream' });
        if (status === 204) response.end();
        else response.write('data: endless');
      });
      using watched = new Watched(hive);
      await watched.ended('rejected', `it answered ${status}`);
      await eventually('another try', () => hive.requests.length >= 2);
      await eventually('no connection is left over', async () => (await hive.connections()) <= 1);
    },
  );

  it.each([408, 425, 429, 500, 502, 503, 504])('takes a %i for a hive that is not up yet', async (status) => {
    await using hive = await misbehaving((response) => response.writeHead(status).end('not now'));
    using watched = new Watched(hive);
    await watched.ended('unreachable', `it answered ${status}`);
    hive.misbehave = undefined;
    await eventually('telemetry', () => {
      hive.beat();
      return watched.telemetry.length > 0;
    });
  });

  it('does not follow a redirect', async () => {
    let hits = 0;
    const canary = createServer((_, response) => {
      hits += 1;
      response.writeHead(200, STREAM).write(encodeSse({ id: '1', event: 'heartbeat', data: telemetry(1) }));
    });
    await once(canary.listen(0, '127.0.0.1'), 'listening');
    const { port } = canary.address() as { port: number };
    await using hive = await misbehaving((response) =>
      response.writeHead(302, { Location: `http://127.0.0.1:${port}/` }).end(),
    );
    using watched = new Watched(hive);
    await watched.ended('rejected', 'it answered 302');
    expect(hits).toBe(0);
    canary.close();
  });

  it.each([
    ['HTML', { 'Content-Type': 'text/html' }, 'it answered with text/html'],
    ['a look-alike type', { 'Content-Type': 'text/event-streamX' }, 'it answered with text/event-streamX'],
    ['no type', {}, 'it answered with nothing'],
    ['a zip bomb', { ...STREAM, 'Content-Encoding': 'gzip' }, 'it compressed the stream unasked'],
  ])('refuses %s', async (_, headers, reason) => {
    const bomb = gzipSync(Buffer.alloc(20_000_000));
    await using hive = await misbehaving((response) => response.writeHead(200, headers).end(bomb));
    using watched = new Watched(hive);
    await watched.ended('rejected', reason);
  });

  it('takes the type in any case and with parameters', async () => {
    await using hive = await misbehaving((response) => {
      response.writeHead(200, { 'Content-Type': 'Text/Event-Stream; charset=utf-8' });
      response.write(encodeSse({ id: '1', event: 'heartbeat', data: telemetry(1) }));
    });
    using watched = new Watched(hive);
    await eventually('telemetry', () => watched.telemetry.length === 1);
  });

  it('gives up on a hive that accepts and says nothing', async () => {
    await using hive = await misbehaving(() => undefined);
    using watched = new Watched(hive);
    await watched.ended('broken', 'no telemetry for 1.0 s', 3_000);
  });

  it.each([
    ['sends headers and then nothing', ''],
    ['sends only comments', ':\n\n'],
    ['sends only foreign events', 'event: news\ndata: {}\n\n'],
    ['sends half an event and hangs', `event: heartbeat\ndata: ${telemetry(1).slice(0, 100)}`],
    ['dribbles a byte at a time', 'd'],
  ])('gives up on a hive that %s', async (_, bytes) => {
    let timer: ReturnType<typeof setInterval> | undefined;
    await using hive = await misbehaving((response) => {
      response.writeHead(200, STREAM).flushHeaders();
      timer ??= setInterval(() => response.write(bytes), 50);
    });
    using watched = new Watched(hive);
    await watched.ended('broken', 'no telemetry for 1.0 s', 3_000);
    clearInterval(timer);
  });

  it.each([
    ['without a line end', 'x'],
    ['of endless lines', 'data: x\n'],
    ['of one endless comment', ':x'],
  ])('breaks off an event %s at 1 MiB', async (_, piece) => {
    const chunk = Buffer.from(piece.repeat(65_536 / piece.length));
    let sent = 0;
    await using hive = await misbehaving((response) => {
      response.writeHead(200, STREAM).write('data: ');
      const pump = (): void => {
        while (!response.destroyed && response.write(chunk)) sent += chunk.length;
        response.once('drain', pump);
      };
      pump();
    });
    using watched = new Watched(hive);
    await watched.ended('broken', 'an event of over 1 MiB');
    expect(sent).toBeLessThan(64 * 1024 * 1024);
  });

  it.each(['retry: 0', 'retry: 1', 'retry: 2147483648', 'id: 😀', `id: ${'x'.repeat(20_000)}`, 'id: \u0001'])(
    'is not ruled by "%.20s"',
    async (field) => {
      await using hive = await misbehaving((response) => {
        response.writeHead(200, STREAM).end(`${field}\nevent: heartbeat\ndata: ${telemetry(1)}\n\n`);
      });
      using watched = new Watched(hive);
      const startedMs = performance.now();
      await eventually('three connections', () => hive.requests.length >= 3, 15_000);
      expect(hive.requests.length).toBeLessThan(5 + (performance.now() - startedMs) / 100);
      expect(hive.requests.every(({ headers }) => headers['last-event-id'] === undefined)).toBe(true);
      expect(watched.telemetry.length).toBeGreaterThanOrEqual(2);
    },
  );

  it('survives garbage and reads on', async () => {
    await using hive = await start();
    using watched = new Watched(hive);
    await eventually('the stream', () => hive.openStreams === 1);
    hive.sendRaw(Buffer.from([0xff, 0xfe, 0x00, 0x0a, 0x0a]));
    hive.sendRaw('event: heartbeat\ndata: {broken\n\n\n\n\nnonsense\n:\n\n');
    hive.send('{}', 'error');
    hive.send('{}', 'open');
    hive.send('{}', 'message');
    hive.beat();
    await eventually('telemetry', () => watched.telemetry.length === 1);
    expect(watched.malformed).toEqual([expect.stringMatching(/^the text is not JSON/)]);
    expect(watched.endings).toEqual([]);
  });

  it('reads an event that comes in single bytes', async () => {
    const bytes = Buffer.from(encodeSse({ id: '1', event: 'heartbeat', data: telemetry(1) }));
    await using hive = await misbehaving((response) => {
      response.writeHead(200, STREAM).flushHeaders();
      response.socket?.setNoDelay(true);
      for (const byte of bytes) response.write(Buffer.of(byte));
    });
    using watched = new Watched(hive);
    await eventually('telemetry', () => watched.telemetry.length === 1);
  });

  it('survives a listener that throws', async () => {
    await using hive = await start();
    const target = { hiveId: 'good', url: hive.url, intervalMs: INTERVAL_MS, queenId: 'queen-1', called: true };
    const complaints: string[] = [];
    using _subscription = new HiveSubscription(
      target,
      {
        onTelemetry: () => {
          throw new Error('a bug of ours');
        },
        onMalformed: (reason) => void complaints.push(reason),
        onEnd: () => undefined,
      },
      new SystemClock(),
      OPEN_GATE,
    );
    await eventually('the stream', () => hive.openStreams === 1);
    hive.beat();
    await eventually('the complaint', () => complaints.includes('unexpected: a bug of ours'));
    expect(hive.openStreams).toBe(1);
  });

  it('hears a goodbye', async () => {
    await using hive = await start();
    using watched = new Watched(hive);
    await eventually('the stream', () => hive.openStreams === 1);
    hive.sayClosing();
    await watched.ended('stopped', 'the hive stopped');
  });

  it('comes back after a clean end, an abort and a refusal, and at once when it is called', async () => {
    const hive = await start();
    const { port } = hive;
    using watched = new Watched(hive);
    await eventually('the stream', () => hive.openStreams === 1);
    hive.endStreams();
    await watched.ended('broken', 'it ended the stream');
    await eventually('the second stream', () => hive.requests.length === 2);
    await hive[Symbol.asyncDispose]();
    await watched.ended('unreachable', 'ECONNREFUSED');
    await eventually('a longer wait', () => waitMsOf(watched.subscription) > 1_000, 30_000);
    await using back = await FakeHive.start({ hiveId: 'good', port });
    watched.subscription.call();
    await eventually('the stream again', () => back.openStreams === 1, 500);
  });

  it('lets go of everything when it is disposed of', async () => {
    await using hive = await start({ intervalMs: 20 });
    const watched = new Watched(hive);
    await eventually('telemetry', () => watched.telemetry.length > 2);
    watched[Symbol.dispose]();
    const { length } = watched.telemetry;
    await eventually('the connection is closed', () => hive.openStreams === 0);
    expect(watched.telemetry).toHaveLength(length);
    expect(watched.endings).toEqual([]);
    expect(watched.subscription.state).toEqual({ kind: 'disposed' });
  });
});

function waitMsOf({ state }: HiveSubscription): number {
  return state.kind === 'waiting' ? state.untilMs - performance.now() : 0;
}
