import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/** How often a pump that is held looks whether it may go on, in ms. */
const HOLD_LOOK_MS = 20;

/** What the proxy does to bytes. Read at every chunk: a change takes effect at once, on open connections too. */
export interface Toxics {
  /** Delays every chunk by this. */
  latencyMs: number;
  /** And by up to this much more, at random; order is kept. */
  jitterMs: number;
  /** Cuts chunks into pieces of this size; 0 leaves them whole. */
  pieceBytes: number;
  /** Waits this long after each piece: with `pieceBytes` 1 and 1000, a byte a second. */
  pieceGapMs: number;
  /** Holds everything, also the ends of connections: to both sides it looks as if the cable were out. */
  cut: boolean;
  /** Holds what upstream answers: the request arrives, the reply never does. */
  mute: boolean;
  /** Takes connections and ends them at once. */
  refusing: boolean;
}

const HEALTHY: Toxics = {
  latencyMs: 0,
  jitterMs: 0,
  pieceBytes: 0,
  pieceGapMs: 0,
  cut: false,
  mute: false,
  refusing: false,
};

interface Pair {
  readonly client: Socket;
  readonly upstream: Socket;
}

/** Stands between two processes on the loopback and does to their connections what a bad network does. */
export class ToxicProxy implements AsyncDisposable {
  readonly toxics: Toxics = { ...HEALTHY };
  /** Connections so far over which the client said anything: an HTTP client may open one in advance. */
  used = 0;
  private readonly pairs = new Set<Pair>();
  private readonly server: Server;

  private constructor(private upstreamUrl: string) {
    this.server = createServer({ allowHalfOpen: true }, (client) => this.take(client));
  }

  /** Listens on a free port and passes on to the origin `upstreamUrl`. */
  static async start(upstreamUrl: string): Promise<ToxicProxy> {
    const proxy = new ToxicProxy(upstreamUrl);
    proxy.server.listen(0, '127.0.0.1');
    await once(proxy.server, 'listening');
    return proxy;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  /** Passes new connections on to another origin; those that stand stay where they are. */
  aimAt(upstreamUrl: string): void {
    this.upstreamUrl = upstreamUrl;
  }

  heal(): void {
    Object.assign(this.toxics, HEALTHY);
  }

  /** Breaks all connections off with an RST, as a firewall or a crashed machine does. */
  reset(): void {
    for (const { client, upstream } of this.pairs) {
      client.resetAndDestroy();
      upstream.resetAndDestroy();
    }
  }

  /** Ends what goes to the client with a FIN and leaves the rest as it is. */
  closeHalf(): void {
    for (const { client } of this.pairs) client.end();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.server, 'close');
    this.server.close();
    for (const { client, upstream } of this.pairs) {
      client.destroy();
      upstream.destroy();
    }
    await closed;
  }

  private take(client: Socket): void {
    client.on('error', () => client.destroy());
    if (this.toxics.refusing) {
      client.destroy();
      return;
    }
    const { hostname, port } = new URL(this.upstreamUrl);
    const upstream = connect({ host: hostname, port: Number(port), allowHalfOpen: true });
    upstream.on('error', () => void this.whenHealed(true).then(() => client.destroy()));
    const pair: Pair = { client, upstream };
    this.pairs.add(pair);
    client.on('close', () => {
      this.pairs.delete(pair);
      upstream.destroy();
    });
    void this.pump(client, upstream);
    void this.pump(upstream, client, true);
  }

  /** Carries one direction, piece by piece, until it ends; its end is carried on too. */
  private async pump(from: Socket, to: Socket, isReply = false): Promise<void> {
    try {
      let isFirst = true;
      for await (const chunk of from) {
        if (isFirst && !isReply) this.used += 1;
        isFirst = false;
        await this.delay();
        for (const piece of this.pieces(chunk as Buffer)) {
          await this.whenHealed(isReply);
          if (to.destroyed) return;
          if (!to.write(piece)) await Promise.race([once(to, 'drain'), once(to, 'close')]);
          if (this.toxics.pieceGapMs > 0) await sleep(this.toxics.pieceGapMs);
        }
      }
      await this.whenHealed(isReply);
      to.end();
    } catch {
      await this.whenHealed(isReply);
      to.destroy();
    }
  }

  private *pieces(chunk: Buffer): Generator<Buffer> {
    for (let at = 0; at < chunk.length;) {
      const size = this.toxics.pieceBytes > 0 ? this.toxics.pieceBytes : chunk.length;
      yield chunk.subarray(at, at + size);
      at += size;
    }
  }

  private async delay(): Promise<void> {
    const { latencyMs, jitterMs } = this.toxics;
    if (latencyMs + jitterMs > 0) await sleep(latencyMs + Math.random() * jitterMs);
  }

  private async whenHealed(isReply: boolean): Promise<void> {
    while ((this.toxics.cut || (isReply && this.toxics.mute)) && this.server.listening) await sleep(HOLD_LOOK_MS);
  }
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
