import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

import type { TelemetryEvent } from '#contracts';
import { encodeSse, SSE_HEADERS } from '#service-kit';

import { sampleTelemetry } from './sample-telemetry.js';

/** What a fake hive may be told to do. */
export interface FakeHiveOptions {
  readonly hiveId: string;
  readonly bootId?: string;
  readonly host?: string;
  /** 0 for a free one. */
  readonly port?: number;
  /** Sends a sample by itself this often, the first at once; 0 sends only what the test sends. */
  readonly intervalMs?: number;
  /** Answers the stream request in the hive's place, badly; `false` leaves it to the hive. */
  readonly misbehave?: (request: IncomingMessage, response: ServerResponse) => boolean;
}

/** A hive of the protocol, without sensors: streams what a test wants, as badly as a test wants. */
export class FakeHive implements AsyncDisposable {
  /** Stream requests so far. */
  requests: IncomingMessage[] = [];
  /** The `queen_url` of each capabilities request so far; `null` where there was none. */
  readonly asked: (string | null)[] = [];
  seq = 0;
  misbehave: FakeHiveOptions['misbehave'];

  private readonly streams = new Set<ServerResponse>();
  private readonly server: Server;
  private timer: ReturnType<typeof setInterval> | undefined;

  private constructor(private readonly options: FakeHiveOptions) {
    this.misbehave = options.misbehave;
    this.server = createServer((request, response) => this.answer(request, response));
  }

  static async start(options: FakeHiveOptions): Promise<FakeHive> {
    const hive = new FakeHive(options);
    hive.server.listen(options.port ?? 0, options.host ?? '127.0.0.1');
    await once(hive.server, 'listening');
    const { intervalMs = 0 } = options;
    if (intervalMs > 0) hive.timer = setInterval(() => hive.beat(), intervalMs);
    return hive;
  }

  get hiveId(): string {
    return this.options.hiveId;
  }

  get bootId(): string {
    return this.options.bootId ?? `boot-of-${this.hiveId}`;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  get url(): string {
    return `http://${this.options.host ?? '127.0.0.1'}:${this.port}`;
  }

  /** Streams that are open now. */
  get openStreams(): number {
    return this.streams.size;
  }

  /** TCP connections that are open now, whatever for. */
  connections(): Promise<number> {
    return new Promise((resolve, reject) => {
      this.server.getConnections((error, count) => (error === null ? resolve(count) : reject(error)));
    });
  }

  /** Tells the queen at `queenUrl` about this hive; the status and body of its answer. */
  async announceTo(queenUrl: string, body: object = {}): Promise<{ status: number; body: Record<string, unknown> }> {
    const response = await fetch(`${queenUrl}/v1/hive/ready`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ hive_id: this.hiveId, hive_url: this.url, boot_id: this.bootId, ...body }),
    });
    return { status: response.status, body: (await response.json()) as Record<string, unknown> };
  }

  /** Sends the next sample to every stream. */
  beat(changes: Partial<TelemetryEvent> = {}): void {
    this.seq += 1;
    this.send(sampleTelemetry(this.hiveId, this.seq, { bootId: this.bootId, ...changes }));
  }

  /** Sends any data under any event name. */
  send(data: object | string, event = 'heartbeat'): void {
    const text = typeof data === 'string' ? data : JSON.stringify(data);
    this.sendRaw(encodeSse({ id: `${this.bootId}:${this.seq}`, event, data: text }));
  }

  /** Sends bytes as they are. */
  sendRaw(bytes: string | Buffer): void {
    for (const stream of this.streams) stream.write(bytes);
  }

  /** Ends every stream as a server does that goes on living. */
  endStreams(): void {
    for (const stream of this.streams) stream.end();
  }

  /** Says goodbye on every stream. */
  sayClosing(): void {
    this.send({ type: 'closing', reason: 'shutdown' }, 'closing');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.timer);
    const closed = once(this.server, 'close');
    this.server.close();
    this.server.closeAllConnections();
    await closed;
  }

  private answer(request: IncomingMessage, response: ServerResponse): void {
    if (request.url === '/v1/heartbeats/stream') this.openStream(request, response);
    else if (request.url?.startsWith('/v1/capabilities') === true) this.answerCapabilities(request, response);
    else response.writeHead(404).end();
  }

  private openStream(request: IncomingMessage, response: ServerResponse): void {
    this.requests.push(request);
    if (this.misbehave?.(request, response) === true) return;
    response.writeHead(200, SSE_HEADERS);
    response.flushHeaders();
    this.streams.add(response);
    response.on('close', () => this.streams.delete(response));
    if ((this.options.intervalMs ?? 0) > 0) this.beat();
  }

  private answerCapabilities(request: IncomingMessage, response: ServerResponse): void {
    this.asked.push(new URL(request.url ?? '', this.url).searchParams.get('queen_url'));
    const { hiveId: hive_id, bootId: boot_id, url: hive_url } = this;
    const devices = [{ id: 'CPU-0', name: 'a CPU', device_type: 'cpu', vram_gb: null, compute_capability: null }];
    const body = { hive_id, boot_id, version: '0.1.0', hive_url, interval_ms: 1000, devices };
    response.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify(body));
  }
}
