import { EventEmitter, once } from 'node:events';

import type { Clock } from '#service-kit';

import type { GpuObservation } from '../../monitor.js';
import { pause } from './pause.js';
import { smiCard, type SmiQuery, smiQuery, type SmiRow } from './smi-columns.js';
import { SmiProcess } from './smi-process.js';
import { SmiSets } from './smi-sets.js';

/** A set that is older is not given again but the next one waited for: in intervals, or in what the last one took. */
const FRESH_INTERVALS = 1.5;
/** With many cards nvidia-smi may take longer than the interval; a run that is slower than this is waited for, in ms. */
const FRESH_MS_MAX = 3_000;
/** The wait before a run that ended or went quiet is followed by another doubles from the first to the second. */
const RESTART_MS_MIN = 1_000;
const RESTART_MS_MAX = 60_000;
/** A run that has lived this long has not failed, however it ends; the next one is not slowed down for it. */
const WELL_MS = 30_000;
/** So many names may be refused in a row before that counts as a failure. */
const REFUSED_MAX = 32;

/** All cards at one moment. */
export interface SmiSet {
  readonly gpus: readonly GpuObservation[];
  /** When its last row came, by the clock's monotonic time. */
  readonly atMs: number;
}

/**
 * One long-lived `nvidia-smi --query-gpu=… -lms N`, so that nothing is started with each sample. A run that ends is
 * followed by another, more and more slowly; so is one that is given up because nothing full came from it while a
 * reading waited. None is started while a process of an earlier one lives.
 */
export class NvidiaSmiStream implements Disposable {
  private run: SmiProcess | undefined;
  /** The run before, whose processes may hang in the driver still. */
  private former: SmiProcess | undefined;
  private latest: SmiSet | undefined;
  /** Between the last two sets. */
  private periodMs = 0;
  private readonly refused = new Set<string>();
  /** Tells that there is a new set, or that the run has ended. */
  private readonly news = new EventEmitter();
  private fault: Error | undefined;
  private failures = 0;
  private startedAtMs = 0;
  private restartAtMs = -Infinity;

  /** `othersGone` resolves once no other nvidia-smi is left that could hang: a second one would hang beside it. */
  constructor(
    private readonly intervalMs: number,
    private readonly clock: Clock,
    private readonly othersGone: (signal: AbortSignal) => Promise<void>,
  ) {}

  /**
   * The newest set of all cards, at once where it is fresh. Rejects with the words of nvidia-smi where it ended, also
   * while the wait before the next run lasts. When `signal` fires, the run is given up as quiet.
   */
  async read(executable: string, signal: AbortSignal): Promise<SmiSet> {
    const giveUp = (): void => this.giveUp();
    signal.addEventListener('abort', giveUp, { once: true });
    try {
      for (;;) {
        const set = this.fresh();
        if (set !== undefined) return set;
        if (this.run === undefined) await this.start(executable, signal);
        else await once(this.news, 'news', { signal });
      }
    } finally {
      signal.removeEventListener('abort', giveUp);
    }
  }

  /** Ends the run; the next reading begins another, which counts the cards anew. */
  stop(): void {
    if (this.run === undefined) return;
    this.run.stop();
    this.leave(this.run);
  }

  [Symbol.dispose](): void {
    this.run?.[Symbol.dispose]();
    this.former?.[Symbol.dispose]();
  }

  private fresh(): SmiSet | undefined {
    // What ended by itself has failed, however good its last words: one that only ever lives for one tick must not pass.
    if (this.run === undefined || this.latest === undefined) return undefined;
    const shortest = this.intervalMs * FRESH_INTERVALS;
    const freshMs = Math.max(shortest, Math.min(this.periodMs * FRESH_INTERVALS, FRESH_MS_MAX));
    return this.clock.monotonicMs() - this.latest.atMs <= freshMs ? this.latest : undefined;
  }

  private async start(executable: string, signal: AbortSignal): Promise<void> {
    const waitMs = this.restartAtMs - this.clock.monotonicMs();
    if (waitMs > 0 && this.fault !== undefined) throw this.fault;
    if (waitMs > 0) await pause(this.clock, waitMs, signal);
    await this.former?.gone(signal);
    await this.othersGone(signal);
    signal.throwIfAborted();
    const query = smiQuery(this.refused);
    const fields = query.map(([, name]) => name).join(',');
    const args = [`--query-gpu=${fields}`, '--format=csv,noheader,nounits', '-lms', String(this.intervalMs)];
    const sets = new SmiSets(query, (line) => run.say(line));
    const run = new SmiProcess(executable, args, (text) => this.take(run, sets.push(text)));
    [this.run, this.startedAtMs] = [run, this.clock.monotonicMs()];
    void run.ended.then((code) => this.onEnd(run, query, code));
  }

  private take(run: SmiProcess, rows: readonly SmiRow[] | undefined): void {
    if (rows === undefined || this.run !== run) return;
    const atMs = this.clock.monotonicMs();
    this.periodMs = atMs - (this.latest?.atMs ?? atMs);
    this.latest = { gpus: rows.map(smiCard), atMs };
    this.fault = undefined;
    if (atMs - this.startedAtMs >= WELL_MS) this.failures = 0;
    this.news.emit('news');
  }

  private onEnd(run: SmiProcess, query: SmiQuery, code: number | null): void {
    if (this.run !== run) return;
    this.leave(run);
    if (!this.refuse(run.lastWords, query)) {
      this.fault = new Error(run.lastWords || `nvidia-smi ended (${code ?? 'killed'})`);
      this.slowDown();
    }
    this.news.emit('news');
  }

  /** An nvidia-smi of another age than the names: the next run asks without the one that it doesn't know. */
  private refuse(words: string, query: SmiQuery): boolean {
    const [, field] = /Field "([^"]+)" is not a valid field to query/.exec(words) ?? [];
    if (field === undefined || this.refused.size >= REFUSED_MAX) return false;
    if (!query.some(([, name]) => name === field)) return false;
    this.refused.add(field);
    return true;
  }

  private giveUp(): void {
    const { run } = this;
    if (run === undefined) return;
    run.stop();
    this.leave(run);
    this.fault = undefined;
    this.slowDown();
  }

  private leave(run: SmiProcess): void {
    [this.run, this.former] = [undefined, run];
  }

  private slowDown(): void {
    const waitMs = Math.min(RESTART_MS_MIN * 2 ** this.failures, RESTART_MS_MAX);
    this.failures = Math.min(this.failures + 1, REFUSED_MAX);
    this.restartAtMs = this.clock.monotonicMs() + waitMs;
  }
}
