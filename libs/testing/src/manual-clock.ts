import { VirtualTimeScheduler } from 'rxjs';

import { Clock } from '#service-kit';

/** Time that moves only when a test says so. */
export class ManualClock extends Clock {
  override readonly scheduler = new VirtualTimeScheduler();
  private elapsedMs = 0;
  private stalledMs = 0;

  override nowMs(): number {
    return Date.UTC(2026, 0, 1) + this.monotonicMs();
  }

  override monotonicMs(): number {
    return Math.max(this.elapsedMs, this.scheduler.frame) + this.stalledMs;
  }

  /** Lets time pass and runs every timer that falls due meanwhile, in order. */
  advance(ms: number): void {
    this.scheduler.maxFrames = this.elapsedMs + ms;
    this.scheduler.flush();
    this.elapsedMs += ms;
    // With no timer due the scheduler stands still, and would count the next one from there.
    this.scheduler.frame = this.elapsedMs;
  }

  /** Lets time pass as it does for a process that is stopped: what falls due meanwhile runs late, once it goes on. */
  stall(ms: number): void {
    this.stalledMs += ms;
  }
}
