import { once } from 'node:events';
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

import type { TelemetryEvent } from '#contracts';
import { SSE_HEADERS } from '#service-kit';

import { sampleTelemetry } from './sample-telemetry.js';

/** What a hive waits after its first tries, and from then on at most, in ms; as real hives do. */
const QUICK_DELAYS_MS = [2_000, 4_000, 8_000, 16_000];
const SLOW_DELAY_MIN_MS = 1_000;
const SLOW_DELAY_MAX_MS = 30_000;
/** Without a queen that reads for this long, a hive announces itself again, in ms. */
const UNREAD_MS = 3_000;
const TRY_MS = 5_000;
/** Stand for what changes with each sample. */
const SEQ_MARK = 123_456_789_012;
const TIME_MARK = 'the time';

/** One callback of a hive and what came of it; status 0 is no answer. */
export interface SentCallback {
  readonly atMs: number;
  readonly status: number;
  readonly tookMs: number;
  readonly retryAfterS: number | null;
}

/** A hive of a swarm: the whole protocol of a real one, samples that were encoded beforehand, no timer of its own. */
export class LightHive implements AsyncDisposable {
  readonly callbacks: SentCallback[] = [];
  /** When each stream so far was asked for. */
  readonly openedMs: number[] = [];
  seq = 0;

  private readonly server: Server;
  private readonly streams = new Map<ServerResponse, string>();
  /** The sample around its time and its number. */
  private readonly pieces: readonly string[];
  private port = 0;
  private attempt = 0;
  private nextTryMs: number;
  private calling = false;
  private retired = false;

  private constructor(
    readonly hiveId: string,
    private readonly host: string,
    private readonly queenUrl: string | undefined,
    readonly bootId: string,
    content: Partial<TelemetryEvent>,
  ) {
    const template = JSON.stringify(sampleTelemetry(hiveId, SEQ_MARK, { ...content, bootId, timestamp: TIME_MARK }));
    this.pieces = template.split(new RegExp(`${TIME_MARK}|${SEQ_MARK}`));
    this.nextTryMs = performance.now();
    this.server = createServer((incoming, response) => this.answer(incoming, response));
  }

  /** Listens at once; announces itself with its first `tick` if there is a queen. `content`: of all its samples. */
  static async start(
    hiveId: string,
    host: string,
    queenUrl?: string,
    bootId = `boot-of-${hiveId}`,
    content: Partial<TelemetryEvent> = {},
  ): Promise<LightHive> {
    const hive = new LightHive(hiveId, host, queenUrl, bootId, content);
    hive.server.listen(0, host);
    await once(hive.server, 'listening');
    hive.port = (hive.server.address() as AddressInfo).port;
    return hive;
  }

  get url(): string {
    return `http://${this.host}:${this.port}`;
  }

  /** Streams that are open now. */
  get openStreams(): number {
    return this.streams.size;
  }

  /** Sends the next sample to whoever reads. */
  beat(): void {
    this.seq += 1;
    if (this.streams.size === 0) return;
    const frame = this.frame();
    for (const stream of this.streams.keys()) stream.write(frame);
  }

  /** Announces the hive if that is due; whoever owns it calls this several times a second. */
  tick(nowMs: number): void {
    if (this.queenUrl === undefined || this.calling || this.openStreams > 0 || nowMs < this.nextTryMs) return;
    this.calling = true;
    void this.announce(this.queenUrl).then((callback) => {
      this.calling = false;
      this.callbacks.push(callback);
      this.nextTryMs = performance.now() + this.delayMs(callback);
      this.attempt += 1;
    });
  }

  /** Ends as a process does that is killed. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.retired = true;
    const closed = once(this.server, 'close');
    this.server.close();
    this.server.closeAllConnections();
    await closed;
  }

  private frame(): string {
    const { bootId, seq } = this;
    const [before = '', between = '', after = ''] = this.pieces;
    const data = `${before}${new Date().toISOString()}${between}${seq}${after}`;
    return `id: ${bootId}:${seq}\nevent: heartbeat\ndata: ${data}\n\n`;
  }

  private delayMs({ status, retryAfterS }: SentCallback): number {
    const slowMs = Math.max(SLOW_DELAY_MIN_MS, Math.random() * SLOW_DELAY_MAX_MS);
    const ownMs = status === 409 ? slowMs : (QUICK_DELAYS_MS[this.attempt] ?? slowMs);
    if (retryAfterS !== null) return Math.max(ownMs, retryAfterS * 1000);
    return status === 200 ? Math.max(UNREAD_MS, ownMs) : ownMs;
  }

  private announce(queenUrl: string): Promise<SentCallback> {
    const atMs = performance.now();
    const body = JSON.stringify({ hive_id: this.hiveId, hive_url: this.url, boot_id: this.bootId });
    return new Promise((resolve) => {
      const end = (status: number, retryAfter?: string): void => {
        const retryAfterS = retryAfter === undefined ? null : Number(retryAfter);
        resolve({ atMs, status, tookMs: performance.now() - atMs, retryAfterS });
      };
      const headers = { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) };
      const signal = AbortSignal.timeout(TRY_MS);
      request(`${queenUrl}/v1/hive/ready`, { method: 'POST', headers, agent: false, signal }, (response) => {
        response.resume();
        end(response.statusCode ?? 0, response.headers['retry-after']);
      })
        .on('error', () => end(0))
        .end(body);
    });
  }

  private answer(incoming: IncomingMessage, response: ServerResponse): void {
    if (incoming.url !== '/v1/heartbeats/stream' || this.retired) response.writeHead(404).end();
    else this.open(String(incoming.headers['x-apiary-queen'] ?? ''), response);
  }

  /** A second stream of the same queen ends the first: that one is a leftover. */
  private open(queenId: string, response: ServerResponse): void {
    this.openedMs.push(performance.now());
    for (const [stream, reader] of this.streams) {
      if (reader === queenId) this.close(stream);
    }
    response.writeHead(200, SSE_HEADERS);
    this.streams.set(response, queenId);
    response.on('close', () => this.close(response));
    if (this.seq > 0) response.write(this.frame());
    else response.flushHeaders();
  }

  private close(stream: ServerResponse): void {
    if (!this.streams.delete(stream)) return;
    stream.end();
    if (this.streams.size > 0) return;
    this.attempt = 0;
    this.nextTryMs = performance.now() + UNREAD_MS;
  }
}
