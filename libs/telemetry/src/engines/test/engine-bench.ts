import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

import { afterEach } from '@jest/globals';

import { eventually, ManualClock } from '#testing';

import type { EngineObservation } from '../../monitor.js';
import { type InferenceServer, Sightings } from '../../sightings.js';
import { EnginesMonitor } from '../engines.monitor.js';

/** What a path does with a request. */
export type Handler = (response: ServerResponse, request: IncomingMessage) => void;

/** Answers with that. */
export const says =
  (status: number, body = ''): Handler =>
  (response) =>
    response.writeHead(status).end(body);
/** Takes a request and never answers. */
export const hangs: Handler = () => undefined;

/** A server that answers by path, and counts. */
export class TestServer implements AsyncDisposable {
  /** Every path that it was asked for, in order, without parameters and with. */
  readonly asked: string[] = [];
  readonly urls: string[] = [];
  /** Most requests that were under way at once. */
  inFlightMax = 0;
  private inFlight = 0;

  private constructor(
    private readonly server: Server,
    public paths: Readonly<Record<string, Handler>>,
  ) {}

  static async start(paths: Readonly<Record<string, Handler>>): Promise<TestServer> {
    const test = new TestServer(createServer(), paths);
    test.server.on('request', (request: IncomingMessage, response: ServerResponse) => test.take(request, response));
    test.server.listen(0, '127.0.0.1');
    await once(test.server, 'listening');
    return test;
  }

  get origin(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  count(path: string): number {
    return this.asked.filter((each) => each === path).length;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.server.listening) return;
    const closed = once(this.server, 'close');
    this.server.close();
    this.server.closeAllConnections();
    await closed;
  }

  private take(request: IncomingMessage, response: ServerResponse): void {
    const url = request.url ?? '';
    this.urls.push(url);
    const path = url.split('?', 1)[0] ?? '';
    this.asked.push(path);
    this.inFlightMax = Math.max(this.inFlightMax, ++this.inFlight);
    response.on('close', () => this.inFlight--);
    (this.paths[path] ?? says(404))(response, request);
  }
}

/** An exposition of vLLM. */
export const vllm = (running: number, generated = 0, more = ''): string =>
  `vllm:num_requests_running{engine="0",model_name="m"} ${running}.0\n` +
  `vllm:generation_tokens_total{engine="0",model_name="m"} ${generated}.0\n${more}`;
/** A list of one model. */
export const MODELS = says(200, JSON.stringify({ data: [{ id: 'served-name', max_model_len: 4096 }] }));

/** The monitor on a clock of the test's own, as the hive would ask it. */
export class Bench {
  readonly clock = new ManualClock();
  readonly sightings = new Sightings();
  readonly monitor: EnginesMonitor;

  constructor(intervalMs = 1000) {
    this.monitor = new EnginesMonitor(this.sightings, this.clock, intervalMs);
  }

  sees(...servers: readonly (Partial<InferenceServer> & { readonly origin: string })[]): void {
    this.sightings.servers = servers.map(({ origin, engine = 'vllm', pid = 100, startTicks = 1 }, index) => ({
      worker: `vllm/${index}`,
      origin,
      engine,
      pid: pid + index,
      startTicks,
    }));
  }

  /**
   * Lets time pass, then reads. Where some server does not answer, the sample goes on without it once the others
   * did, which `othersDid` tells: time must not pass while an answer is on its way.
   */
  async read(afterMs = 0, othersDid?: () => boolean): Promise<ReadonlyMap<string, EngineObservation>> {
    this.clock.advance(afterMs);
    const reading = this.monitor.read();
    if (othersDid !== undefined) {
      await eventually('the others have answered', othersDid);
      await arrival();
      this.clock.advance(100);
    }
    const contribution = await reading;
    if (contribution === 'absent') throw new Error('absent');
    return contribution.engines ?? new Map();
  }

  async readOne(afterMs = 0, othersDid?: () => boolean): Promise<EngineObservation> {
    const observation = (await this.read(afterMs, othersDid)).get('vllm/0');
    if (observation === undefined) throw new Error('not in the reading');
    return observation;
  }

  /** Lets the budget of a visit pass that is not answered. */
  async giveUp(): Promise<void> {
    this.clock.advance(500);
    await arrival();
  }
}

/** What was written to a socket of this process is read within a few turns. */
async function arrival(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
}

const benches: Bench[] = [];
/** A monitor that is disposed when the test ends. */
export const bench = (intervalMs?: number): Bench => {
  const made = new Bench(intervalMs);
  benches.push(made);
  return made;
};
afterEach(() => {
  for (const made of benches.splice(0)) made.monitor[Symbol.dispose]();
});
