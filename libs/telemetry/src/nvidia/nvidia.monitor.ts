import type { Clock } from '#service-kit';

import { withLostGpus } from '../lost-gpus.js';
import type { Contribution, GpuObservation, Monitor } from '../monitor.js';
import type { Sightings } from '../sightings.js';
import { lastingOf, unknownGpu } from '../unknown-gpu.js';
import { type BackendChoice, BackendChooser, type ChosenReading } from './backend-chooser.js';
import { KmsgXid } from './kmsg-xid.js';
import { drivenCards, isAsleep } from './runtime-status.js';

/** A healthy nvidia-smi takes 20 ms to 2 s, the longest without persistence mode. */
const BUDGET_MS = 5000;

/** What the monitor reads through, and where else it looks. */
export interface NvidiaSources {
  /** The best first. */
  readonly choices: readonly BackendChoice[];
  /** What the settings ask for by name, such as "HIVE_GPU_BACKEND is nvml"; undefined where they leave the choice. */
  readonly demanded: string | undefined;
  readonly sysRoot: string;
  /** Usually `/dev/kmsg`; undefined reads no Xid errors. */
  readonly kmsg: string | undefined;
  /** Neither the cards nor the processes on them are those of this machine. */
  readonly madeUp?: true;
}

/** The NVIDIA GPUs through the best back end that works; absent where there is no way to any. */
export class NvidiaMonitor implements Monitor {
  readonly name = 'nvidia';
  readonly budgetMs = BUDGET_MS;
  private readonly chooser: BackendChooser;
  private readonly xids: KmsgXid | undefined;
  private gpus: readonly GpuObservation[] = [];
  private readAtMs = 0;

  constructor(
    private readonly sources: NvidiaSources,
    private readonly clock: Clock,
    private readonly sightings: Sightings,
  ) {
    this.chooser = new BackendChooser(sources.choices, clock);
    this.xids = sources.kmsg === undefined ? undefined : new KmsgXid(sources.kmsg);
  }

  async read(signal: AbortSignal): Promise<Contribution | 'absent'> {
    const asleep = this.sources.madeUp ? undefined : this.allAsleep();
    if (asleep !== undefined) return this.sleeping(asleep);
    const reading = await this.chooser.read(signal);
    if (reading === 'absent') return this.nothing();
    const contribution = this.seen(reading);
    const holders = this.gpus.flatMap(({ processes }) => processes ?? []).map(({ pid }) => pid);
    if (this.sources.madeUp === undefined) this.sightings.sawHolders(this.name, holders);
    return contribution;
  }

  /** Which cards there are outlasts their values: one that the driver says nothing of is there all the same. */
  remains({ gpus }: Contribution): Contribution {
    return {
      gpus: (gpus ?? []).map((gpu) =>
        gpu.state === 'ok' ? { ...lastingOf(gpu), state: 'wedged', ageMs: gpu.ageMs ?? 0 } : gpu,
      ),
    };
  }

  [Symbol.dispose](): void {
    this.chooser[Symbol.dispose]();
    this.xids?.[Symbol.dispose]();
  }

  private seen({ gpus, hint }: ChosenReading): Contribution {
    const atMs = this.clock.monotonicMs();
    const xids = this.xids?.read();
    const told = gpus.map((gpu) => ({ ...gpu, xid_last: gpu.xid_last ?? xids?.get(gpu.pci_bus_id ?? '') ?? null }));
    this.gpus = withLostGpus(this.gpus, told, atMs - this.readAtMs);
    this.readAtMs = atMs;
    return { gpus: this.gpus, ...(hint === undefined ? {} : { hint }) };
  }

  private nothing(): 'absent' {
    const { demanded, choices } = this.sources;
    if (demanded === undefined) return 'absent';
    throw new Error(`${demanded}, but ${choices.map(({ absence }) => absence)[0] ?? 'there is no such thing'}`);
  }

  /** Where every card of the driver is switched off, nothing may be asked, and no nvidia-smi may run: it wakes all. */
  private allAsleep(): readonly string[] | undefined {
    const cards = drivenCards(this.sources.sysRoot);
    return cards.length > 0 && cards.every((card) => isAsleep(this.sources.sysRoot, card)) ? cards : undefined;
  }

  private sleeping(cards: readonly string[]): Contribution {
    this.chooser[Symbol.dispose]();
    this.gpus = cards.map((card) => {
      const known = this.gpus.find(({ pci_bus_id }) => pci_bus_id === card);
      const gpu = known ?? unknownGpu({ vendor: 'NVIDIA', source: 'sysfs', pci_bus_id: card });
      return { ...lastingOf(gpu), state: 'asleep' };
    });
    this.readAtMs = this.clock.monotonicMs();
    this.sightings.sawHolders(this.name, []);
    return { gpus: this.gpus };
  }
}
