import type { MonitorReport } from '#contracts';
import type { Clock } from '#service-kit';

import { clip, sentence } from './clip.js';
import type { Contribution, Monitor, MonitorOutcome } from './monitor.js';
import { round } from './rate.js';

/** How long the last values of a sensor that stopped answering are still shown, with their age, in ms. */
const KEEP_UNANSWERED_MS = 30_000;
/** For a monitor that takes none, which can't tell. */
const UNHEARD = new AbortController().signal;

/** How the last reading ended; `unanswered` is one that was over its budget. */
type Ending =
  | { readonly kind: 'ok'; readonly value: Contribution; readonly atMs: number }
  | { readonly kind: 'absent' }
  | { readonly kind: 'failed'; readonly error: string }
  | { readonly kind: 'unanswered'; readonly error: string };

/**
 * Runs one monitor: never two readings at once, none waited for past its budget, no failure that gets out.
 * The hive calls `start` every interval and takes `outcome` whenever it composes a sample, so that a slow sensor
 * never holds the others up.
 */
export class MonitorRunner implements Disposable {
  /** Resolves when the reading under way ends. */
  private ended: Promise<void> | undefined;
  /** The monitor's own promise, which may outlive the reading's deadline. */
  private settled = true;
  private abort = new AbortController();
  private ending: Ending | undefined;
  private lastOk: Extract<Ending, { kind: 'ok' }> | undefined;
  /** As `lastOk`, but outlasts a failure: some of it may remain true. */
  private lastTold: Extract<Ending, { kind: 'ok' }> | undefined;
  private tookMs: number | null = null;

  /** `staleAfterMs`: a value that is older is reported as stale. */
  constructor(
    private readonly monitor: Monitor,
    private readonly clock: Clock,
    private readonly staleAfterMs: number,
  ) {}

  /**
   * Begins a reading unless one is under way. Never rejects; resolves when the reading ends, at the latest when its
   * budget is spent, or at once where an earlier one is over its budget and still has not let go of the sensor.
   */
  start(): Promise<void> {
    if (this.ended !== undefined) return this.ended;
    if (!this.settled) return Promise.resolve();
    this.ended = this.run().finally(() => (this.ended = undefined));
    return this.ended;
  }

  /**
   * The latest that is known, as of now. Before the first reading has ended that is `stale` without an age. A reading
   * that rejected is `failed` until one succeeds: its older values are not shown. A sensor that stopped answering is
   * `stale` with its last values for 30 s, then `failed`. With a failure goes what the monitor says of it remains.
   */
  outcome(): MonitorOutcome {
    const { ending } = this;
    switch (ending?.kind) {
      case undefined:
        return { report: this.report('stale', null, 'the first reading is not finished') };
      case 'ok':
        return this.known(ending.value, this.ageMs(ending.atMs));
      case 'absent':
        return { report: this.report('absent', null) };
      case 'failed':
        return this.failed(ending.error);
      case 'unanswered':
        return this.lastKnown(ending.error);
    }
  }

  /** Aborts the reading under way and ends what the monitor keeps running. */
  [Symbol.dispose](): void {
    this.abort.abort();
    this.monitor[Symbol.dispose]?.();
  }

  private async run(): Promise<void> {
    const startedMs = this.clock.monotonicMs();
    const abort = (this.abort = new AbortController());
    let expire = (): void => undefined;
    const expired = new Promise<void>((resolve) => (expire = resolve));
    const deadline = this.clock.scheduler.schedule(() => {
      this.end({ kind: 'unanswered', error: this.unanswered() }, startedMs);
      abort.abort();
      expire();
    }, this.monitor.budgetMs);
    await Promise.race([this.read(abort, startedMs), expired]);
    deadline.unsubscribe();
  }

  /** Its ending counts after the deadline too: a late value is still true, a late error says more than the deadline. */
  private async read(abort: AbortController, startedMs: number): Promise<void> {
    this.settled = false;
    try {
      // Node makes a signal when it is first asked for, and V8 keeps each until its next full collection: ten a second
      // are half a MiB a minute, so that only who listens has one made.
      const value = await this.monitor.read(this.monitor.read.length === 0 ? UNHEARD : abort.signal);
      const atMs = this.clock.monotonicMs();
      this.end(value === 'absent' ? { kind: 'absent' } : { kind: 'ok', value, atMs }, startedMs);
    } catch (error) {
      this.end(abort.signal.aborted ? this.aborted(error) : { kind: 'failed', error: sentence(error) }, startedMs);
    } finally {
      this.settled = true;
    }
  }

  private end(ending: Ending, startedMs: number): void {
    this.ending = ending;
    this.tookMs = round(this.clock.monotonicMs() - startedMs, 1);
    if (ending.kind !== 'unanswered') this.lastOk = ending.kind === 'ok' ? ending : undefined;
    if (ending.kind === 'ok' || ending.kind === 'absent') this.lastTold = this.lastOk;
  }

  private aborted(error: unknown): Ending {
    const told = isAbort(error) ? '' : `: ${sentence(error)}`;
    return { kind: 'unanswered', error: clip(this.unanswered() + told) };
  }

  private unanswered(): string {
    return `no answer within ${this.monitor.budgetMs} ms`;
  }

  private known(contribution: Contribution, ageMs: number): MonitorOutcome {
    const { hint } = contribution;
    if (ageMs <= this.staleAfterMs) {
      return { report: { ...this.report('ok', ageMs), ...(hint === undefined ? {} : { hint }) }, contribution };
    }
    return { report: this.report('stale', ageMs, `no newer reading for ${Math.round(ageMs)} ms`), contribution };
  }

  private lastKnown(error: string): MonitorOutcome {
    const ageMs = this.lastOk === undefined ? Infinity : this.ageMs(this.lastOk.atMs);
    if (this.lastOk === undefined || ageMs > KEEP_UNANSWERED_MS) return this.failed(error);
    return { report: this.report('stale', ageMs, error), contribution: this.lastOk.value, unanswered: true };
  }

  private failed(error: string): MonitorOutcome {
    const told = this.lastTold;
    const contribution = told === undefined ? undefined : this.monitor.remains?.(told.value);
    if (told === undefined || contribution === undefined) return { report: this.report('failed', null, error) };
    return { report: this.report('failed', this.ageMs(told.atMs), error), contribution };
  }

  private ageMs(atMs: number): number {
    return this.clock.monotonicMs() - atMs;
  }

  private report(status: MonitorReport['status'], ageMs: number | null, error?: string): MonitorReport {
    return {
      name: this.monitor.name,
      status,
      took_ms: this.tookMs,
      age_ms: ageMs === null ? null : round(ageMs, 1),
      ...(error === undefined ? {} : { error }),
    };
  }
}

/** Says no more than that the deadline was heard. By name: every API that takes a signal throws one of its own. */
function isAbort(error: unknown): boolean {
  return typeof error === 'object' && error !== null && 'name' in error && error.name === 'AbortError';
}
