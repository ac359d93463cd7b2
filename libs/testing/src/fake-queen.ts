import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

import type { ReadyRequest } from '#contracts';

/** A callback as it arrived. */
export interface ReceivedCallback {
  readonly body: ReadyRequest;
  readonly atMs: number;
}

/** An answer to a callback. */
export interface CallbackAnswer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: object;
}

const ACKNOWLEDGED: CallbackAnswer = {
  status: 200,
  body: { status: 'ok', message: 'known', subscription: 'connecting' },
};

/** A queen that only hears callbacks, and answers them as a test wants. */
export class FakeQueen implements AsyncDisposable {
  readonly callbacks: ReceivedCallback[] = [];
  answer: CallbackAnswer = ACKNOWLEDGED;
  private readonly server: Server;

  private constructor() {
    this.server = createServer((request, response) => void this.hear(request, response));
  }

  /** `port` 0 takes a free one. */
  static async start(port = 0): Promise<FakeQueen> {
    const queen = new FakeQueen();
    queen.server.listen(port, '127.0.0.1');
    await once(queen.server, 'listening');
    return queen;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.server, 'close');
    this.server.close();
    this.server.closeAllConnections();
    await closed;
  }

  private async hear(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let text = '';
    for await (const chunk of request.setEncoding('utf8')) text += String(chunk);
    this.callbacks.push({ body: JSON.parse(text) as ReadyRequest, atMs: performance.now() });
    const { status, headers = {}, body = {} } = this.answer;
    response.writeHead(status, { 'Content-Type': 'application/json', ...headers }).end(JSON.stringify(body));
  }
}
