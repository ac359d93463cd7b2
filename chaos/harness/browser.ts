import { type ClientRequest, get } from 'node:http';

/** What a browser waits where the stream does not say, in ms. */
const RETRY_DEFAULT_MS = 3_000;

/** Reads a stream as the EventSource of a browser does: comes back after the time that the stream named last. */
export class Browser implements Disposable {
  /** When each of its connections was answered. */
  readonly connectedMs: number[] = [];
  private retryMs = RETRY_DEFAULT_MS;
  private request: ClientRequest | undefined;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private closed = false;

  constructor(private readonly url: string) {
    this.connect();
  }

  [Symbol.dispose](): void {
    this.closed = true;
    clearTimeout(this.timer);
    this.request?.destroy();
  }

  private connect(): void {
    let over = false;
    const again = (): void => {
      if (over || this.closed) return;
      over = true;
      this.timer = setTimeout(() => this.connect(), this.retryMs);
    };
    this.request = get(this.url, { agent: false }, (response) => {
      this.connectedMs.push(performance.now());
      response.setEncoding('utf8').on('data', (text: string) => {
        const named = /^retry: (\d+)$/m.exec(text)?.[1];
        if (named !== undefined) this.retryMs = Number(named);
      });
      response.on('close', again).on('error', again);
    }).on('error', again);
  }
}
