import { join } from 'node:path';

import { tryReadKernelFile } from '../kernel-files.js';
import type { GpuObservation, GpuProcess } from '../monitor.js';
import { unknownGpu } from '../unknown-gpu.js';
import { AmdCard } from './amd-card.js';
import { type DrmCard, isAsleep, maySleep } from './drm-cards.js';
import type { DrmClients } from './drm-clients.js';
import { IntelCard } from './intel-card.js';
import type { SensorFiles } from './sensor-files.js';

/**
 * Reading a sensor counts as use and puts off the moment when the driver switches an idle card off, which is after 5
 * or 10 s: a card that may sleep and does nothing is therefore read this seldom.
 */
const IDLE_READ_EVERY_MS = 15_000;
/** A display or a desktop that waits holds less. */
const IDLE_VRAM_MB_MAX = 256;

/** Reads one card, and remembers what it said last. */
export class CardWatch {
  private readonly driverVersion: string | null;
  private readonly sensors: { read(atMs: number): Promise<Partial<GpuObservation>> };
  private values: Partial<GpuObservation> = {};
  private readAtMs: number | undefined;
  /** As of the last refresh. */
  asleep = false;
  private reading: Promise<void> | undefined;

  constructor(
    readonly card: DrmCard,
    sysRoot: string,
    files: SensorFiles,
    private readonly clients: DrmClients,
  ) {
    this.driverVersion = tryReadKernelFile(join(sysRoot, 'module', card.driver, 'version'))?.trim() ?? null;
    this.sensors = card.vendor === 'AMD' ? new AmdCard(card, files) : new IntelCard(card, files);
  }

  /** The reading that the driver has not answered yet. */
  get unanswered(): Promise<void> | undefined {
    return this.reading;
  }

  /**
   * Reads the card with at most `clientsMax` of its clients (`inKfd` are those that KFD knows), unless it sleeps, an
   * earlier reading is unanswered, or it is to be left alone. Never rejects; stays unsettled while the driver hangs.
   */
  async refresh(nowMs: () => number, clientsMax: number, inKfd: ReadonlySet<number>): Promise<void> {
    this.asleep = isAsleep(this.card);
    if (this.asleep || this.reading !== undefined || this.isLeftAlone(nowMs())) return;
    this.reading = this.read(nowMs, clientsMax, inKfd).finally(() => (this.reading = undefined));
    await this.reading;
  }

  /** As of now; `compute` is what KFD knows of it. */
  observation(nowMs: number, processes: readonly GpuProcess[] | null, compute: string | null): GpuObservation {
    const { card, values } = this;
    const known = unknownGpu({
      vendor: card.vendor,
      source: card.driver,
      name: values.name ?? `${card.vendor} GPU ${card.deviceId}`,
      uuid: values.uuid ?? null,
      pci_bus_id: card.pciBusId,
      driver_version: this.driverVersion,
      compute_capability: compute,
      vram_total_mb: values.vram_total_mb ?? null,
    });
    // Switched off, its memory holds nothing.
    if (this.asleep) return { ...known, processes: [], state: 'asleep' };
    const ageMs = this.readAtMs === undefined ? 0 : nowMs - this.readAtMs;
    const state = this.reading === undefined ? 'ok' : 'wedged';
    const util_pct = card.vendor === 'AMD' ? (values.util_pct ?? null) : null;
    return { ...known, ...values, name: known.name, util_pct, processes, state, ageMs };
  }

  private async read(nowMs: () => number, clientsMax: number, inKfd: ReadonlySet<number>): Promise<void> {
    const values = await this.sensors.read(nowMs());
    await this.clients.read(this.card.pciBusId, clientsMax, inKfd, nowMs);
    this.values = values;
    this.readAtMs = nowMs();
  }

  private isLeftAlone(nowMs: number): boolean {
    if (this.readAtMs === undefined || nowMs - this.readAtMs >= IDLE_READ_EVERY_MS) return false;
    if ((this.values.util_pct ?? this.clients.busyPct(this.card.pciBusId) ?? 0) > 0) return false;
    const held = [...this.clients.usesOf(this.card.pciBusId).values()].map(({ vramMb }) => vramMb ?? 0);
    const heldMb = this.values.vram_used_mb ?? held.reduce((sum, mib) => sum + mib, 0);
    return heldMb < IDLE_VRAM_MB_MAX && maySleep(this.card);
  }
}
