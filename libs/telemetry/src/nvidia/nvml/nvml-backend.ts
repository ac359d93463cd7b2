import type { Clock } from '#service-kit';

import type { GpuObservation } from '../../monitor.js';
import type { NvidiaBackend } from '../nvidia-backend.js';
import { CallPlan } from './call-plan.js';
import type { CardMemory } from './card-search.js';
import { libraryIsThere } from './find-library.js';
import { IdleCards } from '../idle-cards.js';
import { NativeThread } from './native-thread.js';
import { FINAL_CODES, NOT_MADE, NVML } from './nvml-h.js';
import { NvmlSession, type SessionOptions } from './nvml-session.js';

/** A driver may be installed while the hive runs. */
const SEARCH_AGAIN_MS = 60_000;

/** Where NVML is and what is read of it. */
export interface NvmlOptions extends SessionOptions {
  /** What the dynamic linker is asked for, usually `libnvidia-ml.so.1`, or a path. */
  readonly library: string;
  /** The operating system's LD_LIBRARY_PATH. */
  readonly libraryPath: string;
}

/**
 * The NVIDIA cards through the driver's own library, in a thread of this process. A reading is one message to that
 * thread. Nothing can end a call that hangs in the driver: the reading then stays pending until it returns, and the
 * process can still end; see `NativeThread`.
 *
 * After any failure the thread is ended and NVML is loaded anew with the next reading, as it may have been exchanged
 * together with the driver. That takes some 50 ms of a core, so whoever reads after a failure should take their time.
 */
export class NvmlBackend implements NvidiaBackend {
  /**
   * Until the thread that was ended last is gone. Of the whole process, as NVML is: initialized again before it was
   * shut down it would not look for cards, and a shutdown that hangs must not be joined by a second thread.
   */
  private static ending: Promise<void> = Promise.resolve();

  readonly name = 'nvml';
  private readonly cards: CardMemory = new Map();
  private thread: NativeThread | undefined;
  private session: NvmlSession | undefined;
  private readonly idle: IdleCards;
  private missingSinceMs = -Infinity;

  constructor(
    private readonly options: NvmlOptions,
    private readonly clock: Clock,
  ) {
    this.idle = new IdleCards(options.sysRoot, clock);
  }

  /** Takes no signal: what hangs in the driver can't be ended. Rejects with NVML's or the linker's own words. */
  async read(): Promise<readonly GpuObservation[] | 'absent'> {
    const left = this.idle.leftAlone();
    if (left !== undefined) return left;
    if (this.thread === undefined && !this.find()) return 'absent';
    try {
      const gpus = await this.readAll();
      if (this.idle.mayBeLeft(gpus)) await this.close();
      return gpus;
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  [Symbol.dispose](): void {
    void this.close();
  }

  private async readAll(): Promise<readonly GpuObservation[]> {
    const gpus = await this.readOnce();
    if (gpus !== 'changed') return gpus;
    await this.close();
    const again = await this.readOnce();
    if (again !== 'changed') return again;
    throw new Error('NVML: the cards change faster than they can be read');
  }

  private async readOnce(): Promise<readonly GpuObservation[] | 'changed'> {
    await NvmlBackend.ending;
    this.thread ??= new NativeThread({
      library: this.options.library,
      missingCode: NVML.FUNCTION_NOT_FOUND,
      finalCodes: FINAL_CODES,
      notMadeCode: NOT_MADE,
    });
    this.session ??= await NvmlSession.open(this.thread, this.options, this.cards, this.clock);
    return this.session.read();
  }

  private async close(): Promise<void> {
    const { thread } = this;
    this.thread = this.session = undefined;
    if (thread === undefined) return;
    const plan = new CallPlan();
    plan.call('nvmlShutdown', '', []);
    NvmlBackend.ending = Promise.all([NvmlBackend.ending, thread.end(plan)]).then(() => undefined);
    await NvmlBackend.ending;
  }

  private find(): boolean {
    if (this.clock.monotonicMs() - this.missingSinceMs < SEARCH_AGAIN_MS) return false;
    const there = libraryIsThere(this.options.library, this.options.libraryPath);
    this.missingSinceMs = there ? -Infinity : this.clock.monotonicMs();
    return there;
  }
}
