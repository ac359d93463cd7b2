import { performance } from 'node:perf_hooks';

import { asyncScheduler, type SchedulerLike } from 'rxjs';

/** Time, so that tests can hold it still. Injected wherever a deadline or a stamp is needed. */
export abstract class Clock {
  /** Wall time in ms since 1970, for stamps only. */
  abstract nowMs(): number;
  /** Elapsed time in ms, for deadlines and ages; never jumps. */
  abstract monotonicMs(): number;
  /** Behind every Rx timer. */
  abstract readonly scheduler: SchedulerLike;

  /** Wall time as the wire has it. */
  timestamp(): string {
    return new Date(this.nowMs()).toISOString();
  }
}

/** The machine's own time. */
export class SystemClock extends Clock {
  override readonly scheduler = asyncScheduler;

  override nowMs(): number {
    return Date.now();
  }

  override monotonicMs(): number {
    return performance.now();
  }
}
