import { Inject, Injectable } from '@nestjs/common';

import { Clock } from '#service-kit';

import { QUEEN_CONFIG, type QueenConfig } from '../config/queen-config.js';

/** Dials whose answer has not come yet, at most. */
const IN_FLIGHT_MAX = 64;
/** Unused dials of this long are saved up: a lone hive never waits, and timers need not be exact, in ms. */
const BURST_MS = 100;

/** A place in the line. */
export interface DialTurn {
  /** The hive has answered, or the dial has failed, or it is not wanted any more: the next may go. */
  leave(): void;
}

interface Waiting {
  readonly start: () => void;
  state: 'waiting' | 'dialling' | 'left';
}

/**
 * The line in front of the network: a queen that restarts under a thousand hives opens their streams at a bounded rate,
 * and hives that do not answer hold up only their own places.
 */
@Injectable()
export class DialGate {
  private readonly line: Waiting[] = [];
  private inFlight = 0;
  /** When the next dial may start, on the monotonic clock. */
  private freeAtMs = 0;
  private waking = false;

  constructor(
    @Inject(Clock) private readonly clock: Clock,
    @Inject(QUEEN_CONFIG) private readonly config: Pick<QueenConfig, 'dialsPerS'>,
  ) {}

  /** Calls `start` when it is this dial's turn: at once if nobody waits. */
  enter(start: () => void): DialTurn {
    const place: Waiting = { start, state: 'waiting' };
    this.line.push(place);
    this.admitNext();
    return { leave: () => this.leave(place) };
  }

  private leave(place: Waiting): void {
    const { state } = place;
    place.state = 'left';
    if (state !== 'dialling') return;
    this.inFlight -= 1;
    this.admitNext();
  }

  private admitNext(): void {
    while (this.inFlight < IN_FLIGHT_MAX && !this.waking) {
      const place = this.line.shift();
      if (place === undefined) return;
      if (place.state === 'left') continue;
      const waitMs = this.freeAtMs - this.clock.monotonicMs();
      if (waitMs > 0) {
        this.line.unshift(place);
        this.wakeIn(waitMs);
        return;
      }
      this.freeAtMs = Math.max(this.freeAtMs, this.clock.monotonicMs() - BURST_MS) + 1000 / this.config.dialsPerS;
      this.inFlight += 1;
      place.state = 'dialling';
      place.start();
    }
  }

  private wakeIn(ms: number): void {
    this.waking = true;
    this.clock.scheduler.schedule(() => {
      this.waking = false;
      this.admitNext();
    }, ms);
  }
}
