import type { Clock } from '#service-kit';

import type { GpuObservation } from '../../monitor.js';
import { IdleCards } from '../idle-cards.js';
import { findNvidiaSmi, type SmiLocation } from './find-executable.js';
import type { NvidiaBackend } from '../nvidia-backend.js';
import { NvidiaSmiDetails } from './nvidia-smi-details.js';
import { NvidiaSmiStream } from './nvidia-smi-stream.js';

/** How often the cards of the stream may be counted anew when the XML lists others, in ms. */
const RECOUNT_MS = 60_000;

/** The cards through one nvidia-smi that stays, and short runs beside it for the processes; see the parts. */
export class NvidiaSmiBackend implements NvidiaBackend {
  readonly name = 'nvidia-smi';
  private readonly stream: NvidiaSmiStream;
  private readonly details: NvidiaSmiDetails;
  private readonly idle: IdleCards;
  private executable: string | undefined;
  private recountedMs: number;

  constructor(
    private readonly location: SmiLocation,
    intervalMs: number,
    sysRoot: string,
    private readonly clock: Clock,
  ) {
    this.idle = new IdleCards(sysRoot, clock);
    this.details = new NvidiaSmiDetails(clock);
    this.stream = new NvidiaSmiStream(intervalMs, clock, (signal) => this.details.idle(signal));
    this.recountedMs = clock.monotonicMs();
  }

  async read(signal: AbortSignal): Promise<readonly GpuObservation[] | 'absent'> {
    const left = this.idle.leftAlone();
    if (left !== undefined) return left;
    this.executable ??= await findNvidiaSmi(this.location);
    if (this.executable === undefined) return 'absent';
    try {
      const { gpus, atMs } = await this.stream.read(this.executable, signal);
      const ageMs = this.clock.monotonicMs() - atMs;
      this.details.refresh(this.executable, gpus);
      this.recount(gpus.length);
      const completed = gpus.map((gpu) => ({ ...this.details.completed(gpu), ageMs }));
      if (this.idle.mayBeLeft(completed)) this.stream.stop();
      return completed;
    } catch (error) {
      // It may have been removed or replaced.
      this.executable = undefined;
      throw error;
    }
  }

  [Symbol.dispose](): void {
    this.stream[Symbol.dispose]();
    this.details[Symbol.dispose]();
  }

  /** A run counts the cards when it starts: one that was added since, or has come back, only the next run sees. */
  private recount(cards: number): void {
    const listed = this.details.cardsListed;
    const nowMs = this.clock.monotonicMs();
    if (listed === null || listed === cards || nowMs - this.recountedMs < RECOUNT_MS) return;
    this.recountedMs = nowMs;
    this.stream.stop();
  }
}
