import { limits } from '#contracts';

import { pciAddress } from '../../gpu-order.js';
import { type Arg, CallPlan } from './call-plan.js';
import type { NativeThread } from './native-thread.js';
import { NvmlCard } from './nvml-card.js';
import { nvmlError } from './nvml-error.js';
import { NVML, PCI_INFO, XID_EVENT } from './nvml-h.js';

/** What is remembered of the cards while NVML is initialized again, by PCI address. */
export type CardMemory = Map<string, NvmlCard>;

/** More than a machine has, whatever was plugged in and out of it. */
const CARDS_REMEMBERED_MAX = 256;

interface Found {
  readonly code: number;
  readonly handle: bigint;
  readonly address: string | null;
}

/** Finds the cards. To get its handle wakes a card, so a card that sleeps is known by its address only. */
export class CardSearch {
  /** `count`: how many cards NVML knows of. `eventSet`: where their Xid errors are to be reported, if anywhere. */
  constructor(
    private readonly thread: NativeThread,
    private readonly memory: CardMemory,
    readonly eventSet: bigint | undefined,
    readonly count: number,
  ) {}

  /**
   * All cards that may be asked, and those asleep; `driven` are the addresses of all. Rejects with NVML's own words
   * where there are cards and none may be asked.
   */
  async all(driven: readonly string[], isAsleep: (address: string) => boolean): Promise<readonly NvmlCard[]> {
    if (!driven.some(isAsleep)) return this.byIndex();
    const cards = driven.slice(0, limits.GPUS_PER_HIVE_MAX).map((address) => this.remembered(address));
    for (const card of cards) card.handle = undefined;
    await this.wake(cards.filter(({ address }) => address !== null && !isAsleep(address)));
    return cards;
  }

  /** Gets the handles of cards that are awake now. */
  async wake(cards: readonly NvmlCard[]): Promise<void> {
    const plan = new CallPlan();
    const asked = cards.map(({ address }) => {
      const spelled = Buffer.from(`${address ?? ''}\0`);
      const at = plan.room(spelled.length, (memory, start) => spelled.forEach((byte, i) => memory.setUint8(start + i, byte))); // prettier-ignore
      return this.ask(plan, 'nvmlDeviceGetHandleByPciBusId_v2', 'pp', { at });
    });
    await this.thread.make(plan);
    for (const [index, card] of cards.entries()) {
      const found = asked[index]?.();
      card.handle = found?.code === NVML.SUCCESS ? found.handle : undefined;
    }
  }

  private async byIndex(): Promise<readonly NvmlCard[]> {
    const plan = new CallPlan();
    const indexes = Array.from({ length: Math.min(this.count, limits.GPUS_PER_HIVE_MAX) }, (_, index) => index);
    const asked = indexes.map((index) => this.ask(plan, 'nvmlDeviceGetHandleByIndex_v2', 'ip', index));
    if (asked.length > 0) await this.thread.make(plan);
    const answers = asked.map((answer) => answer());
    const found = answers.filter(({ code }) => code === NVML.SUCCESS);
    const [refusal] = answers;
    if (found.length === 0 && refusal !== undefined) throw await nvmlError(this.thread, refusal.code);
    return found.map(({ address, handle }) => {
      const card = this.remembered(address);
      card.handle = handle;
      return card;
    });
  }

  private ask(plan: CallPlan, by: string, types: string, card: Arg): () => Found {
    const [handle, info] = [plan.room(8), plan.room(PCI_INFO.bytes)];
    const call = plan.call(by, types, [card, { at: handle }]);
    const device = { in: handle };
    const located = plan.call('nvmlDeviceGetPciInfo_v3', 'pp', [device, { at: info }], { after: call });
    if (this.eventSet !== undefined) {
      plan.call('nvmlDeviceRegisterEvents', 'plp', [device, XID_EVENT, this.eventSet], { after: call });
    }
    return () => ({
      code: plan.code(call),
      handle: plan.memory.getBigUint64(handle, true),
      address:
        plan.code(located) === NVML.SUCCESS ? pciAddress(plan.text(info + PCI_INFO.busId, PCI_INFO.busIdBytes)) : null,
    });
  }

  private remembered(address: string | null): NvmlCard {
    const card = this.memory.get(address ?? '') ?? new NvmlCard(address);
    if (this.memory.size >= CARDS_REMEMBERED_MAX) this.memory.clear();
    if (address !== null) this.memory.set(address, card);
    return card;
  }
}
