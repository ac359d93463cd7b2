import type { Clock } from '#service-kit';

import { sentence } from '../clip.js';
import type { GpuObservation } from '../monitor.js';
import type { NvidiaBackend } from './nvidia-backend.js';

/** A back end that has worked is given up after so many failures in a row. */
const FAILURES_MAX = 3;
/** The wait before a better back end is tried again doubles from the first to the second. */
const BETTER_MS_MIN = 30_000;
const BETTER_MS_MAX = 600_000;
/** The wait before all are tried again where none works doubles likewise. */
const ANY_MS_MIN = 1_000;
const ANY_MS_MAX = 60_000;
/** A driver may be installed while the hive runs. */
const SEARCH_AGAIN_MS = 60_000;

/** One back end that may be chosen. */
export interface BackendChoice {
  readonly create: () => NvidiaBackend;
  /** What to say where it is absent. */
  readonly absence: string;
}

/** Who answered, and why nobody better did. */
export interface ChosenReading {
  readonly gpus: readonly GpuObservation[];
  readonly hint: string | undefined;
}

/** One of the choices and how it has fared. */
interface Candidate {
  readonly choice: BackendChoice;
  backend: NvidiaBackend | undefined;
  /** Failures in a row. */
  failures: number;
  /** How often it was put off. */
  putOff: number;
  retryAtMs: number;
  absent: boolean;
  /** Why it is not used. */
  why: string;
}

/**
 * Reads through the best back end that works. One that fails three times in a row gives way to the next; a better one
 * is tried again now and then. One whose reading had to be aborted keeps its place: what hangs is the driver, in which
 * any other would hang beside it.
 */
export class BackendChooser implements Disposable {
  private readonly candidates: readonly Candidate[];
  private current: Candidate | undefined;
  private idle: { readonly untilMs: number; readonly outcome: 'absent' | Error } | undefined;
  private idleTimes = 0;

  /** `choices`: the best first. */
  constructor(
    choices: readonly BackendChoice[],
    private readonly clock: Clock,
  ) {
    const fresh = { backend: undefined, failures: 0, putOff: 0, retryAtMs: -Infinity, absent: false, why: '' };
    this.candidates = choices.map((choice) => ({ choice, ...fresh }));
  }

  /** Resolves `'absent'` where all are; rejects with the word of the best that is there where none works. */
  async read(signal: AbortSignal): Promise<ChosenReading | 'absent'> {
    if (this.idle !== undefined && this.clock.monotonicMs() < this.idle.untilMs) return answer(this.idle.outcome);
    for (const candidate of this.candidates) {
      if (candidate.retryAtMs > this.clock.monotonicMs()) continue;
      const gpus = await this.tryOne(candidate, signal);
      if (gpus !== undefined) return { gpus, hint: this.choose(candidate) };
    }
    return answer(this.nobody());
  }

  /** Ends all that the back ends keep running; the next reading starts them anew. */
  [Symbol.dispose](): void {
    for (const candidate of this.candidates) end(candidate);
  }

  private async tryOne(candidate: Candidate, signal: AbortSignal): Promise<readonly GpuObservation[] | undefined> {
    candidate.backend ??= candidate.choice.create();
    try {
      const gpus = await candidate.backend.read(signal);
      if (gpus !== 'absent') return gpus;
      this.putOff(candidate, SEARCH_AGAIN_MS, candidate.choice.absence, true);
    } catch (error) {
      this.onFailure(candidate, error, signal.aborted);
    }
    return undefined;
  }

  /** Rejects further where the candidate keeps its place. */
  private onFailure(candidate: Candidate, error: unknown, aborted: boolean): void {
    const isTrial = this.current !== undefined && this.current !== candidate;
    if (aborted && !isTrial) {
      this.current = candidate;
      throw error;
    }
    candidate.failures += 1;
    if (candidate === this.current && candidate.failures < FAILURES_MAX) throw error;
    this.putOff(candidate, this.betterMs(candidate), sentence(error));
    if (aborted) throw error;
  }

  private betterMs({ putOff }: Candidate): number {
    return Math.min(BETTER_MS_MIN * 2 ** putOff, BETTER_MS_MAX);
  }

  private putOff(candidate: Candidate, waitMs: number, why: string, absent = false): void {
    end(candidate);
    candidate.retryAtMs = this.clock.monotonicMs() + waitMs;
    Object.assign(candidate, { why, absent, putOff: Math.min(candidate.putOff + 1, 10), failures: 0 });
    if (this.current === candidate) this.current = undefined;
  }

  /** Makes it the one that is read through. Says why it is not a better one; nothing where there is none. */
  private choose(candidate: Candidate): string | undefined {
    if (this.current !== candidate && this.current !== undefined) end(this.current);
    this.current = candidate;
    Object.assign(candidate, { failures: 0, putOff: 0 });
    [this.idle, this.idleTimes] = [undefined, 0];
    const better = this.candidates.slice(0, this.candidates.indexOf(candidate)).map(({ why }) => why);
    return better.length === 0 ? undefined : `read through ${candidate.backend?.name ?? ''}: ${better.join('; ')}`;
  }

  /** None works: all of them are tried again together, the best first. */
  private nobody(): 'absent' | Error {
    const there = this.candidates.find(({ absent }) => !absent);
    const outcome = there === undefined ? 'absent' : new Error(there.why);
    const pauseMs = Math.min(ANY_MS_MIN * 2 ** this.idleTimes, ANY_MS_MAX);
    this.idleTimes = Math.min(this.idleTimes + 1, 10);
    this.idle = { outcome, untilMs: this.clock.monotonicMs() + (outcome === 'absent' ? SEARCH_AGAIN_MS : pauseMs) };
    for (const candidate of this.candidates) candidate.retryAtMs = -Infinity;
    return outcome;
  }
}

function answer(outcome: 'absent' | Error): 'absent' {
  if (outcome instanceof Error) throw outcome;
  return outcome;
}

function end(candidate: Candidate): void {
  candidate.backend?.[Symbol.dispose]();
  candidate.backend = undefined;
}
