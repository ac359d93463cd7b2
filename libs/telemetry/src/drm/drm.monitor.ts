import type { Clock } from '#service-kit';

import { withLostGpus } from '../lost-gpus.js';
import type { Contribution, GpuObservation, GpuProcess, Monitor } from '../monitor.js';
import type { Sightings } from '../sightings.js';
import { CardWatch } from './card-watch.js';
import { type DrmCard, DrmCards } from './drm-cards.js';
import { DrmClients } from './drm-clients.js';
import { DrmFdSweep } from './drm-fd-sweep.js';
import { explains, gpuHolders } from './gpu-holders.js';
import { Kfd } from './kfd.js';
import { readSensorFile, type SensorReader, SensorFiles } from './sensor-files.js';

/** A healthy card takes some ms; one that takes this long is set aside. */
const BUDGET_MS = 2000;
/** Open device files that are read in one reading, over all cards; where there are more, they take turns. */
const CLIENTS_PER_READING_MAX = 64;
/** A processor's own graphics sits on bus 0 and has no memory of its own. */
const INTEGRATED_BUS = /^0{8}:00:/;

const HIDDEN_PROCESSES =
  'not all GPU processes can be seen: run the hive as root, or give it CAP_SYS_PTRACE, and in a container "pid: host"';

interface Roots {
  readonly procRoot: string;
  readonly sysRoot: string;
}

/**
 * The AMD and Intel cards, through the kernel's files; absent where there is none.
 *
 * A driver that hangs blocks whoever reads its files, in the kernel and for good. All files are read one after the
 * other, so that one hung card costs one thread of libuv's pool; that card is shown as wedged and not asked again
 * before it has answered, the others are. Should a second one hang, this reading does not end before one of the two
 * has answered, so that never more than two of the four threads are lost.
 */
export class DrmMonitor implements Monitor {
  readonly name = 'drm';
  readonly budgetMs = BUDGET_MS;
  private readonly cards: DrmCards;
  private readonly kfd: Kfd;
  private readonly files: SensorFiles;
  private readonly clients: DrmClients;
  private readonly sweep: DrmFdSweep;
  private watches: readonly CardWatch[] = [];
  private gpus: readonly GpuObservation[] = [];
  private readAtMs = 0;

  /** `readFile`: tests let a driver hang with it. */
  constructor(
    private readonly roots: Roots,
    private readonly clock: Clock,
    private readonly sightings: Sightings,
    readFile: SensorReader = readSensorFile,
  ) {
    this.cards = new DrmCards(roots.sysRoot);
    this.kfd = new Kfd(roots.sysRoot);
    this.files = new SensorFiles(readFile);
    this.clients = new DrmClients(roots.procRoot, this.files);
    this.sweep = new DrmFdSweep(roots.procRoot, clock, (pid, nodes) => {
      this.clients.saw(pid, this.cardsOf(nodes));
    });
  }

  async read(signal: AbortSignal): Promise<Contribution | 'absent'> {
    this.watchCards(this.cards.list());
    if (this.watches.length === 0 && this.gpus.length === 0) return 'absent';
    if (this.watches.some(({ asleep }) => !asleep)) await this.sweep.step();
    await this.refresh(signal);
    return this.contribution();
  }

  private watchCards(cards: readonly DrmCard[]): void {
    const known = new Map(this.watches.map((watch) => [watch.card, watch]));
    this.watches = cards.map(
      (card) => known.get(card) ?? new CardWatch(card, this.roots.sysRoot, this.files, this.clients),
    );
  }

  private async refresh(signal: AbortSignal): Promise<void> {
    const expired = new Promise<void>((resolve) => {
      signal.addEventListener('abort', () => resolve(), { once: true });
    });
    const clientsMax = Math.ceil(CLIENTS_PER_READING_MAX / Math.max(1, this.watches.length));
    const inKfd = this.sweep.hasHostPids ? this.kfd.pids() : new Set<number>();
    for (const watch of this.watches) {
      if (signal.aborted) return;
      await Promise.race([watch.refresh(() => this.clock.monotonicMs(), clientsMax, inKfd), expired]);
      const unanswered = this.watches.map((other) => other.unanswered).filter((reading) => reading !== undefined);
      if (unanswered.length > 1) await Promise.race(unanswered);
    }
  }

  private contribution(): Contribution {
    const nowMs = this.clock.monotonicMs();
    const now = this.watches.map((watch) => this.observe(watch, nowMs));
    this.gpus = withLostGpus(this.gpus, now, nowMs - this.readAtMs);
    this.readAtMs = nowMs;
    const holders = this.gpus.flatMap(({ processes }) => processes ?? []).filter(({ vram_mb }) => vram_mb !== 0);
    this.sightings.sawHolders(this.name, holders.map(({ pid }) => pid)); // prettier-ignore
    const isHidden = this.watches.length > 0 && this.sweep.isRoundDone && !this.sweep.seesAll;
    return { gpus: this.gpus, ...(isHidden ? { hint: HIDDEN_PROCESSES } : {}) };
  }

  private observe(watch: CardWatch, nowMs: number): GpuObservation {
    const { card } = watch;
    const target = this.kfd.targetOf(card);
    const gpu = watch.observation(nowMs, this.holdersOf(card), target);
    if (gpu.state === 'asleep') return gpu;
    const processes = this.isListComplete(card, gpu) ? gpu.processes : null;
    if (card.vendor === 'AMD' || !this.sweep.seesAll) return { ...gpu, processes };
    return { ...gpu, processes, util_pct: this.clients.busyPct(card.pciBusId) };
  }

  /** KFD names processes as the machine's own PID namespace does. */
  private holdersOf(card: DrmCard): readonly GpuProcess[] {
    const kfd = this.sweep.hasHostPids ? this.kfd.holdersOf(card) : new Map<number, number>();
    const holders = gpuHolders(this.clients.usesOf(card.pciBusId), kfd);
    return isIntegrated(card) ? holders.map((process) => ({ ...process, vram_mb: 0 })) : holders;
  }

  private isListComplete(card: DrmCard, gpu: GpuObservation): boolean {
    return this.sweep.seesAll || isIntegrated(card) || explains(gpu.processes ?? [], gpu.vram_used_mb);
  }

  private cardsOf(nodes: ReadonlyMap<number, string>): ReadonlyMap<number, string> {
    const cards = new Map<number, string>();
    for (const [fd, node] of nodes) {
      const card = this.watches.find((watch) => watch.card.nodes.has(node))?.card;
      if (card !== undefined) cards.set(fd, card.pciBusId);
    }
    return cards;
  }
}

const isIntegrated = (card: DrmCard): boolean => card.vendor === 'Intel' && INTEGRATED_BUS.test(card.pciBusId);
