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
  /** Everything that was received. */
  text = '';
  status: number | undefined;
  headers: IncomingHttpHeaders = {};
  ended = false;

  private readonly request: ClientRequest;
  private response: IncomingMessage | undefined;
  private consumed = 0;

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
    this.text += chunk;
    for (let end = this.text.indexOf('\n\n', this.consumed); end >= 0; end = this.text.indexOf('\n\n', this.consumed)) {
      const event = parseEvent(this.text.slice(this.consumed, end));
      if (event !== undefined) this.events.push(event);
      this.consumed = end + 2;
    }
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
