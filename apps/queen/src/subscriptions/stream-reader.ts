import type { IncomingMessage } from 'node:http';

import { describeError } from '#contracts';

import type { EventMeter } from './event-meter.js';

type Chunk = { readonly done: false; readonly value: Buffer } | { readonly done: true };

/** The body of a stream as EventSource reads it: one chunk at a time; the sender waits while one is unread. */
export class StreamReader {
  private unread: Buffer | undefined;
  private ended = false;
  private fault: Error | undefined;
  private waiting: { resolve(chunk: Chunk): void; reject(error: Error): void } | undefined;

  /** `onBroken` hears once, and before EventSource, why the stream ended. */
  constructor(
    private readonly response: IncomingMessage,
    private readonly meter: EventMeter,
    private readonly onBroken: (reason: string) => void,
  ) {
    response.on('data', (chunk: Buffer) => this.take(chunk));
    response.on('end', () => this.end());
    response.on('error', (error) => this.fail(error));
    response.on('close', () => this.fail(new Error('it broke the connection off')));
  }

  async read(): Promise<Chunk> {
    if (this.unread !== undefined) {
      const value = this.unread;
      this.unread = undefined;
      this.response.resume();
      return { done: false, value };
    }
    if (this.fault !== undefined) throw this.fault;
    if (this.ended) return { done: true };
    return new Promise((resolve, reject) => (this.waiting = { resolve, reject }));
  }

  cancel(): Promise<void> {
    this.response.destroy();
    return Promise.resolve();
  }

  private take(chunk: Buffer): void {
    if (this.meter.isExceededBy(chunk)) {
      this.fail(new Error(`it sent an event of over ${this.meter.bytesMax / 1024 / 1024} MiB`));
      this.response.destroy();
      return;
    }
    const { waiting } = this;
    if (waiting === undefined) {
      this.unread = this.unread === undefined ? chunk : Buffer.concat([this.unread, chunk]);
      this.response.pause();
      return;
    }
    this.waiting = undefined;
    waiting.resolve({ done: false, value: chunk });
  }

  private end(): void {
    if (this.ended || this.fault !== undefined) return;
    this.ended = true;
    this.onBroken('it ended the stream');
    this.waiting?.resolve({ done: true });
    this.waiting = undefined;
  }

  private fail(error: Error): void {
    if (this.ended || this.fault !== undefined) return;
    this.fault = error;
    this.onBroken(describeError(error));
    this.waiting?.reject(error);
    this.waiting = undefined;
  }
}
