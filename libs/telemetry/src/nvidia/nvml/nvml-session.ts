import type { Clock } from '#service-kit';

import { clip } from '../../clip.js';
import type { GpuObservation } from '../../monitor.js';
import { drivenCards, isAsleep } from '../runtime-status.js';
import { CallPlan } from './call-plan.js';
import { type CardMemory, CardSearch } from './card-search.js';
import type { NativeThread } from './native-thread.js';
import type { NvmlCard } from './nvml-card.js';
import { nvmlError } from './nvml-error.js';
import { NVML, TEXT_BYTES } from './nvml-h.js';
import { askXids, type XidsOf } from './xid-events.js';

/** After this long everything is asked again, also what a card or the library could not tell before. */
const ASK_ALL_AGAIN_MS = 60_000;
/** How often one reading is begun again because a card turned out to have more to tell than was asked. */
const ROUNDS_MAX = 4;

/** What the session needs to know of its surroundings. */
export interface SessionOptions {
  readonly pcieThroughput: boolean;
  readonly sysRoot: string;
}

/** The plan of a reading, and how its answers are taken. */
interface Reading {
  readonly plan: CallPlan;
  readonly count: () => number;
  readonly xids: XidsOf;
  readonly tell: (atMs: number) => readonly GpuObservation[];
  readonly shape: string;
  readonly plannedAtMs: number;
}

/** NVML from its initialization to its shutdown, with the cards that it found. */
export class NvmlSession {
  private reading: Reading | undefined;
  private asleep: ReadonlySet<NvmlCard> = new Set();

  private constructor(
    private readonly thread: NativeThread,
    private readonly options: SessionOptions,
    private readonly clock: Clock,
    private readonly search: CardSearch,
    private readonly driverVersion: string | null,
    private readonly driven: readonly string[],
    private readonly cards: readonly NvmlCard[],
  ) {}

  /** Initializes NVML and finds the cards. Rejects with NVML's own words where it can't. */
  static async open(
    thread: NativeThread,
    options: SessionOptions,
    memory: CardMemory,
    clock: Clock,
  ): Promise<NvmlSession> {
    const plan = new CallPlan();
    const [set, version, count] = [plan.room(8), plan.room(TEXT_BYTES), plan.room(4)];
    const begun = plan.call('nvmlInit_v2', '', []);
    const counted = plan.call('nvmlDeviceGetCount_v2', 'p', [{ at: count }], { after: begun });
    const listening = plan.call('nvmlEventSetCreate', 'p', [{ at: set }], { after: begun });
    plan.call('nvmlSystemGetDriverVersion', 'pi', [{ at: version }, TEXT_BYTES], { after: begun });
    await thread.make(plan);
    for (const call of [begun, counted]) await refuse(thread, plan.code(call));
    const eventSet = plan.code(listening) === NVML.SUCCESS ? plan.memory.getBigUint64(set, true) : undefined;
    const search = new CardSearch(thread, memory, eventSet, plan.memory.getUint32(count, true));
    const driven = drivenCards(options.sysRoot);
    const cards = await search.all(driven, (address) => isAsleep(options.sysRoot, address));
    const driverVersion = clip(plan.text(version, TEXT_BYTES)) || null;
    return new NvmlSession(thread, options, clock, search, driverVersion, driven, cards);
  }

  /**
   * All cards, or 'changed' where the driver has gained or lost one since NVML was initialized: that has to be done
   * again, as NVML looks for cards only then. Rejects with NVML's own words.
   */
  async read(): Promise<readonly GpuObservation[] | 'changed'> {
    const { sysRoot } = this.options;
    if (drivenCards(sysRoot).join() !== this.driven.join()) return 'changed';
    this.asleep = new Set(this.cards.filter(({ address }) => address !== null && isAsleep(sysRoot, address)));
    for (let round = 1; ; round += 1) {
      const reading = await this.plan();
      await this.thread.make(reading.plan);
      await refuse(this.thread, reading.plan.code(0));
      if (reading.count() !== this.search.count) return 'changed';
      for (const [handle, xid] of reading.xids()) this.note(handle, xid);
      const gpus = reading.tell(this.clock.monotonicMs());
      if (this.shape() === reading.shape || round === ROUNDS_MAX) return gpus;
    }
  }

  private async plan(): Promise<Reading> {
    const atMs = this.clock.monotonicMs();
    await this.wakeUp();
    const shape = this.shape();
    const { reading } = this;
    if (reading?.shape === shape && atMs - reading.plannedAtMs < ASK_ALL_AGAIN_MS) return reading;
    const plan = new CallPlan();
    const count = plan.room(4);
    plan.call('nvmlDeviceGetCount_v2', 'p', [{ at: count }]);
    const xids = askXids(plan, this.search.eventSet);
    const cards = this.cards.map((card) => this.ask(plan, card));
    this.reading = {
      plan,
      count: () => plan.memory.getUint32(count, true),
      xids,
      tell: (now) => cards.map((card) => card(now)),
      shape,
      plannedAtMs: atMs,
    };
    return this.reading;
  }

  private ask(plan: CallPlan, card: NvmlCard): (atMs: number) => GpuObservation {
    const { driverVersion } = this;
    if (this.asleep.has(card)) return () => card.unasked('asleep', driverVersion);
    // Awake, and NVML won't have it asked: who it is is all that is known.
    if (card.handle === undefined) return () => card.unasked('ok', driverVersion);
    return card.ask(plan, card.handle, { pcieThroughput: this.options.pcieThroughput, driverVersion });
  }

  /** A card that slept when NVML was started has no handle yet. */
  private async wakeUp(): Promise<void> {
    const awake = this.cards.filter((card) => card.handle === undefined && !this.asleep.has(card));
    if (awake.length > 0) await this.search.wake(awake);
  }

  private shape(): string {
    return this.cards.map((card) => (this.asleep.has(card) ? 'asleep' : `${card.handle}:${card.shape}`)).join(' ');
  }

  private note(handle: bigint, xid: number): void {
    const card = this.cards.find((candidate) => candidate.handle === handle);
    if (card !== undefined) card.xidLast = xid;
  }
}

async function refuse(thread: NativeThread, code: number): Promise<void> {
  if (code !== NVML.SUCCESS) throw await nvmlError(thread, code);
}
