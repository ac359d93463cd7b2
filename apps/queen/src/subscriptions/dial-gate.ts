import { Inject, Injectable } from '@nestjs/common';

import { Clock } from '#service-kit';

import { QUEEN_CONFIG, type QueenConfig } from '../config/queen-config.js';

/** Dials whose answer has not come yet, at most. */
const IN_FLIGHT_MAX = 64;
/** Those of them that may be dials without much hope: the rest is kept for hives that are known to be there. */
const HOPELESS_MAX = 48;
/** Unused dials of this long are saved up: a lone hive never waits, and timers need not be exact, in ms. */
const BURST_MS = 100;

/** A place in the line. */
export interface DialTurn {
  /** The hive has answered, or the dial has failed, or it is not wanted any more: the next may go. */
  leave(): void;
}

/** Whether a hive is known to be there, because it called or was heard, or may well be gone. */
export type DialHope = 'there' | 'perhaps';

interface Waiting {
  readonly start: () => void;
  state: 'waiting' | 'dialling' | 'left';
}

/**
 * The line in front of the network: a queen that restarts under a thousand hives opens their streams at a bounded rate.
 * Hives that are known to be there go first and have places of their own: a rack that is switched off, whose every dial
 * takes its whole timeout, does not hold them up.
 */
@Injectable()
export class DialGate {
  private readonly lines: Record<DialHope, Waiting[]> = { there: [], perhaps: [] };
  private inFlight = 0;
  /** When the next dial may start, on the monotonic clock. */
  private freeAtMs = 0;
  private waking = false;

  constructor(
    @Inject(Clock) private readonly clock: Clock,
    @Inject(QUEEN_CONFIG) private readonly config: Pick<QueenConfig, 'dialsPerS'>,
  ) {}

  /** Calls `start` when it is this dial's turn: at once if nobody waits. */
  enter(start: () => void, hope: DialHope): DialTurn {
    const place: Waiting = { start, state: 'waiting' };
    this.lines[hope].push(place);
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
    while (!this.waking) {
      const line = this.nextLine();
      const place = line?.[0];
      if (line === undefined || place === undefined) return;
      const waitMs = this.freeAtMs - this.clock.monotonicMs();
      if (waitMs > 0) {
        this.wakeIn(waitMs);
        return;
      }
      line.shift();
      this.freeAtMs = Math.max(this.freeAtMs, this.clock.monotonicMs() - BURST_MS) + 1000 / this.config.dialsPerS;
      this.inFlight += 1;
      place.state = 'dialling';
      place.start();
    }
  }

  /** The line whose first may go as far as the places are concerned; `undefined` if there is none. */
  private nextLine(): Waiting[] | undefined {
    const { there, perhaps } = this.lines;
    for (const [line, most] of [
      [there, IN_FLIGHT_MAX],
      [perhaps, HOPELESS_MAX],
    ] as const) {
      while (line[0]?.state === 'left') line.shift();
      if (line.length > 0 && this.inFlight < most) return line;
    }
    return undefined;
  }

  private wakeIn(ms: number): void {
    this.waking = true;
    this.clock.scheduler.schedule(() => {
      this.waking = false;
      this.admitNext();
    }, ms);
  }
}
