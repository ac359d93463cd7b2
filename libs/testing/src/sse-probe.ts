import { type ClientRequest, get, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';

import { eventually } from './eventually.js';

/** One event as it came over the wire. */
export interface ProbedEvent {
  readonly id: string;
  readonly event: string;
  readonly data: string;
  /** The parsed data. */
  readonly json: Readonly<Record<string, unknown>>;
  readonly arrivedMs: number;
}

/** Reads a stream at the level of bytes: no EventSource between the test and what was sent. */
export class SseProbe implements Disposable {
  readonly events: ProbedEvent[] = [];
  status: number | undefined;
  headers: IncomingHttpHeaders = {};
  ended = false;

  private readonly request: ClientRequest;
  private response: IncomingMessage | undefined;
  private readonly chunks: string[] = [];
  /** What came after the last whole event. Events are cut from it alone: a slice keeps all of its source in memory. */
  private rest = '';

  constructor(url: string, headers: Record<string, string> = {}) {
    this.request = get(url, { headers, agent: false }, (response) => {
      this.response = response;
      this.status = response.statusCode;
      this.headers = response.headers;
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => this.take(chunk));
      response.on('close', () => (this.ended = true));
      response.on('error', () => (this.ended = true));
    });
    this.request.on('error', () => (this.ended = true));
  }

  /** Everything that was received. */
  get text(): string {
    return this.chunks.join('');
  }

  /** The first event, among those that came and those to come, that `wanted` accepts. */
  async waitFor(what: string, wanted: (event: ProbedEvent) => boolean, deadlineMs?: number): Promise<ProbedEvent> {
    return eventually(`event: ${what}`, () => this.events.find(wanted), deadlineMs);
  }

  /** All events whose data has this `type`. */
  ofType(type: string): readonly ProbedEvent[] {
    return this.events.filter(({ json }) => json['type'] === type);
  }

  /** Stops reading, so that the sender's buffers fill up. */
  pause(): void {
    this.response?.pause();
  }

  resume(): void {
    this.response?.resume();
  }

  [Symbol.dispose](): void {
    this.request.destroy();
  }

  private take(chunk: string): void {
    this.chunks.push(chunk);
    const blocks = (this.rest + chunk).split('\n\n');
    this.rest = blocks.pop() ?? '';
    this.events.push(...blocks.map(parseEvent).filter((event) => event !== undefined));
  }
}

function parseEvent(block: string): ProbedEvent | undefined {
  const field = (name: string): string =>
    block
      .split('\n')
      .find((line) => line.startsWith(`${name}: `))
      ?.slice(name.length + 2) ?? '';
  const data = field('data');
  if (data === '') return undefined;
  const json = JSON.parse(data) as Record<string, unknown>;
  return { id: field('id'), event: field('event'), data, json, arrivedMs: performance.now() };
}
