import { setImmediate } from 'node:timers/promises';

import type { Clock } from '#service-kit';

/** How long the event loop is kept before others get their turn, in ms. */
const SLICE_MS = 2;

/** Cuts long work into slices, so that a reading of thousands of small files never blocks the event loop for long. */
export class Breather {
  private sinceMs: number;

  constructor(private readonly clock: Clock) {
    this.sinceMs = clock.monotonicMs();
  }

  /** Undefined while the slice may go on, which costs no turn; else resolves when everyone else has had one. */
  pause(): Promise<void> | undefined {
    return this.clock.monotonicMs() - this.sinceMs < SLICE_MS ? undefined : this.rest();
  }

  private async rest(): Promise<void> {
    await setImmediate();
    this.sinceMs = this.clock.monotonicMs();
  }
}
