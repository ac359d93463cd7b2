import { connect, type Socket } from 'node:net';

import { isLoopback, VERSION } from '#service-kit';

import { sentence } from '../clip.js';
import { type HttpAnswer, HttpResponse } from './http-response.js';

/** How a question to a server ended. */
export type AskOutcome =
  | { readonly kind: 'answer'; readonly status: number; readonly body: string }
  /** Nobody answered: refused, reset, cut off. */
  | { readonly kind: 'silence'; readonly error: string }
  /** Somebody answered something that is not what was asked for. */
  | { readonly kind: 'nonsense'; readonly error: string };

interface Pending {
  readonly path: string;
  readonly resolve: (outcome: AskOutcome) => void;
  /** A server may close a connection that it kept, just as we use it: such a request is sent once more. */
  readonly mayRepeat: boolean;
}

/** All sockets read into this: what is read is copied before the next read begins. */
const READ_BUFFER = Buffer.allocUnsafe(128 * 1024);

/**
 * One connection to a server on this machine, for one GET at a time. Written on sockets because an engine is asked
 * every second for as long as it lives: `node:http` costs over twice the CPU and `fetch` eight times
 * (bench/engine-metrics.mjs). It follows no redirects, knows no proxies and keeps no cookies, for it has none of these.
 */
export class LoopbackConnection implements Disposable {
  private socket: Socket | undefined;
  private response = new HttpResponse();
  private pending: Pending | undefined;
  private readonly host: string;
  private readonly port: number;

  /** Throws on an origin that is not plain HTTP to this machine. `keepsOpen` reuses the connection. */
  constructor(
    origin: string,
    private readonly keepsOpen: boolean,
  ) {
    const { protocol, hostname, port } = new URL(origin);
    if (protocol !== 'http:' || !isLoopback(hostname)) throw new Error(`${origin} is not plain HTTP to this machine`);
    this.host = hostname.replace(/^\[|\]$/g, '');
    this.port = Number(port) || 80;
  }

  /** Never rejects. Waits for as long as the server takes: whoever asks hangs up when that is too long. */
  get(path: string): Promise<AskOutcome> {
    if (this.pending !== undefined) throw new Error('one request at a time');
    return new Promise((resolve) => this.send({ path, resolve, mayRepeat: this.socket !== undefined }));
  }

  /** Ends the connection, and what is asked on it with `error`. */
  hangUp(error: string): void {
    this.socket?.destroy();
    this.socket = undefined;
    this.settle({ kind: 'silence', error });
  }

  [Symbol.dispose](): void {
    this.hangUp('the server is gone');
  }

  private send(pending: Pending): void {
    this.pending = pending;
    this.response = new HttpResponse();
    const socket = (this.socket ??= this.open());
    const host = this.host.includes(':') ? `[${this.host}]` : this.host;
    socket.write(
      `GET ${pending.path} HTTP/1.1\r\nHost: ${host}:${this.port}\r\n` +
        `User-Agent: apiary-hive/${VERSION}\r\nAccept: text/plain, application/json\r\n` +
        `Connection: ${this.keepsOpen ? 'keep-alive' : 'close'}\r\n\r\n`,
    );
  }

  private open(): Socket {
    let failure: string | undefined;
    const socket = connect({
      host: this.host,
      port: this.port,
      onread: {
        buffer: READ_BUFFER,
        callback: (bytes) => {
          this.read(socket, READ_BUFFER.subarray(0, bytes));
          return true;
        },
      },
    });
    socket.on('error', (error) => (failure = sentence(error)));
    socket.on('close', () => this.closed(socket, failure));
    // Without a reader the end of the other side would not be noticed.
    socket.resume();
    return socket;
  }

  private read(socket: Socket, bytes: Buffer): void {
    if (socket !== this.socket) return;
    // What comes unasked belongs to no request.
    if (this.pending === undefined) {
      this.hangUp('');
      return;
    }
    try {
      const answer = this.response.push(bytes);
      if (answer !== undefined) this.answered(answer);
    } catch (error) {
      this.refuse(error);
    }
  }

  private closed(socket: Socket, failure: string | undefined): void {
    if (socket !== this.socket) return;
    this.socket = undefined;
    const { pending } = this;
    if (pending === undefined) return;
    if (!this.response.begun) {
      if (pending.mayRepeat) {
        this.send({ ...pending, mayRepeat: false });
        return;
      }
      this.settle({ kind: 'silence', error: failure ?? 'it closed the connection without an answer' });
      return;
    }
    if (failure !== undefined) {
      this.settle({ kind: 'silence', error: failure });
      return;
    }
    try {
      this.answered(this.response.end());
    } catch (error) {
      this.settle({ kind: 'silence', error: sentence(error) });
    }
  }

  private answered({ status, body, reusable }: HttpAnswer): void {
    if (!reusable || !this.keepsOpen) this.drop();
    this.settle({ kind: 'answer', status, body });
  }

  private refuse(error: unknown): void {
    this.drop();
    this.settle({ kind: 'nonsense', error: sentence(error) });
  }

  private drop(): void {
    this.socket?.destroy();
    this.socket = undefined;
  }

  private settle(outcome: AskOutcome): void {
    const { pending } = this;
    this.pending = undefined;
    pending?.resolve(outcome);
  }
}
