import { Inject, Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { interval, Subject, type Subscription } from 'rxjs';

import { Clock } from './clock.js';

/** How often all deadlines are looked at, in ms. */
const PULSE_MS = 250;
/** A beat that comes later than this was held up: the process itself stood still, in ms. */
const STALL_MS = 500;

/** One look at the deadlines. */
export interface Beat {
  readonly monotonicMs: number;
  /** How long this process stood still before the beat, in ms; 0 as a rule. Every deadline is extended by it. */
  readonly stalledMs: number;
}

/**
 * The one timer behind all liveness deadlines. A process that was stopped or blocked can't know what happened
 * meanwhile: it learns from the beat how long it was away, and blames nobody else for that time.
 */
@Injectable()
export class Pulse implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly beats = new Subject<Beat>();
  private loop: Subscription | undefined;
  readonly beats$ = this.beats.asObservable();

  constructor(@Inject(Clock) private readonly clock: Clock) {}

  onApplicationBootstrap(): void {
    let lastMs = this.clock.monotonicMs();
    this.loop = interval(PULSE_MS, this.clock.scheduler).subscribe(() => {
      const monotonicMs = this.clock.monotonicMs();
      const lateMs = monotonicMs - lastMs - PULSE_MS;
      lastMs = monotonicMs;
      this.beats.next({ monotonicMs, stalledMs: lateMs > STALL_MS ? lateMs : 0 });
    });
  }

  onModuleDestroy(): void {
    this.loop?.unsubscribe();
  }
}
