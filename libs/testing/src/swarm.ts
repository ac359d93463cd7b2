import type { TelemetryEvent } from '#contracts';

import { LightHive } from './light-hive.js';

/** How often a part of the swarm beats; each hive once per interval, at a moment of its own. */
const TICK_MS = 50;
/** Hives that open their ports at the same time. */
const START_BATCH = 100;

/** How large a swarm is and whom it serves. */
export interface SwarmOptions {
  readonly count: number;
  /** Who is told; without it the hives wait to be found. */
  readonly queenUrl?: string;
  /** Each hive has an address of its own, from 127.1.0.1 on; otherwise only a port of its own. */
  readonly ownAddresses?: boolean;
  readonly intervalMs?: number;
  readonly prefix?: string;
  /** What each sample says, beside who and when. */
  readonly content?: Partial<TelemetryEvent>;
}

/** Many hives in one process: each with its own server and the real rules of announcing, all on one timer. */
export class Swarm implements AsyncDisposable {
  private readonly timer: ReturnType<typeof setInterval>;
  private turn = 0;

  private constructor(
    readonly hives: readonly LightHive[],
    intervalMs: number,
  ) {
    const turns = Math.max(1, Math.round(intervalMs / TICK_MS));
    this.timer = setInterval(() => this.tick(turns), TICK_MS);
  }

  static async start(options: SwarmOptions): Promise<Swarm> {
    const { count, queenUrl, ownAddresses = false, intervalMs = 1_000, prefix = 'swarm', content } = options;
    const hives: LightHive[] = [];
    for (let first = 0; first < count; first += START_BATCH) {
      const numbers = Array.from({ length: Math.min(START_BATCH, count - first) }, (_, index) => first + index);
      const started = numbers.map((number) => {
        const host = ownAddresses ? addressOf(number) : '127.0.0.1';
        return LightHive.start(`${prefix}-${number}`, host, queenUrl, undefined, content);
      });
      hives.push(...(await Promise.all(started)));
    }
    return new Swarm(hives, intervalMs);
  }

  get ids(): readonly string[] {
    return this.hives.map(({ hiveId }) => hiveId);
  }

  /** Hives that at least one queen reads now. */
  get read(): number {
    return this.hives.filter(({ openStreams }) => openStreams > 0).length;
  }

  /** Callbacks sent so far, by the status of their answer; 0 is no answer. */
  callbacks(): ReadonlyMap<number, number> {
    const byStatus = new Map<number, number>();
    for (const { status } of this.hives.flatMap(({ callbacks }) => callbacks)) {
      byStatus.set(status, (byStatus.get(status) ?? 0) + 1);
    }
    return byStatus;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.timer);
    await Promise.all(this.hives.map((hive) => hive[Symbol.asyncDispose]()));
  }

  private tick(turns: number): void {
    const nowMs = performance.now();
    this.hives.forEach((hive, index) => {
      hive.tick(nowMs);
      if (index % turns === this.turn) hive.beat();
    });
    this.turn = (this.turn + 1) % turns;
  }
}

/** 127.1.0.1 and what follows it: all of 127.0.0.0/8 is this machine. */
const addressOf = (number: number): string => `127.1.${Math.floor(number / 250)}.${(number % 250) + 1}`;
