import { existsSync } from 'node:fs';
import { join } from 'node:path';

import { limits } from '#contracts';

import { tryList } from '../kernel-files.js';
import type { GpuObservation } from '../monitor.js';
import { CounterRate, round } from '../rate.js';
import { MHZ, powerLimitW, readHwmon, SlowValues, VRAM } from './card-sensors.js';
import type { DrmCard } from './drm-cards.js';
import { findHwmon, type HwmonFiles } from './hwmon.js';
import { pcieLink } from './pcie-link.js';
import type { SensorFiles } from './sensor-files.js';

/** Where the two drivers keep what this reads; the first graphics unit (GT) stands for the card. */
interface IntelFiles {
  readonly clock: string | undefined;
  /** "1" while anything below holds the clock down. */
  readonly throttled: string | undefined;
  /** By reason: "pl1", "thermal", … */
  readonly reasons: ReadonlyMap<string, string>;
  readonly vramTotals: readonly string[];
  readonly hwmon: HwmonFiles;
}

/**
 * What the drivers `i915` and `xe` tell of one card. How busy it is they tell of each process only, and how much of
 * its memory is in use not at all; a processor's own graphics has no memory and often no sensors.
 * Source: the kernel's Documentation/ABI/testing/sysfs-driver-intel-{i915,xe}-hwmon, drivers/gpu/drm/xe/
 * xe_gt_freq.c and xe_gt_throttle.c, drivers/gpu/drm/i915/gt/intel_gt_sysfs_pm.c.
 */
export class IntelCard {
  private files: IntelFiles | undefined;
  private readonly power = new CounterRate();
  private readonly slow = new SlowValues(() => this.readSlow());

  constructor(
    private readonly card: DrmCard,
    private readonly sensors: SensorFiles,
  ) {}

  async read(atMs: number): Promise<Partial<GpuObservation>> {
    const files = (this.files ??= await findIntelFiles(this.card, this.sensors));
    const { energy_j, power_w, ...hwmon } = await readHwmon(files.hwmon, this.sensors);
    const watts = this.power.perSecond(energy_j === null ? null : new Map([['card', energy_j]]), atMs);
    return {
      ...(await this.slow.at(atMs)),
      ...hwmon,
      energy_j,
      power_w: power_w ?? (watts === null ? null : round(watts, 1)),
      sm_clock_mhz: await this.sensors.number(files.clock, MHZ),
      throttle_reasons: await this.throttleReasons(files),
    };
  }

  private async readSlow(): Promise<Partial<GpuObservation>> {
    return {
      vram_total_mb: await this.vramTotalMb(this.files?.vramTotals ?? []),
      power_limit_w: await powerLimitW(this.files?.hwmon ?? {}, this.sensors),
      ...(await pcieLink(this.card, this.sensors)),
    };
  }

  private async vramTotalMb(files: readonly string[]): Promise<number | null> {
    let total: number | null = null;
    for (const file of files) {
      const tile = await this.sensors.number(file, VRAM);
      if (tile === null) return null;
      total = (total ?? 0) + tile;
    }
    return total;
  }

  private async throttleReasons(files: IntelFiles): Promise<readonly string[] | null> {
    const isThrottled = await this.sensors.text(files.throttled);
    if (isThrottled === '0') return [];
    if (isThrottled !== '1') return null;
    const reasons: string[] = [];
    for (const [reason, file] of files.reasons) if ((await this.sensors.text(file)) === '1') reasons.push(reason);
    return reasons;
  }
}

async function findIntelFiles(card: DrmCard, sensors: SensorFiles): Promise<IntelFiles> {
  const { cardPath, devicePath } = card;
  const isXe = card.driver === 'xe';
  const throttle = isXe ? join(devicePath, 'tile0/gt0/freq0/throttle') : join(cardPath, 'gt/gt0');
  const prefix = isXe ? '' : 'throttle_';
  const reasons = tryList(throttle)
    .filter((name) => new RegExp(`^${prefix}reason_(?!status$)`).test(name))
    .slice(0, limits.SHORT_LIST_MAX);
  const clocks = isXe
    ? [join(devicePath, 'tile0/gt0/freq0/act_freq')]
    : [join(cardPath, 'gt/gt0/rps_act_freq_mhz'), join(cardPath, 'gt_act_freq_mhz')];
  const tiles = tryList(devicePath).filter((name) => /^tile\d+$/.test(name));
  const vram = isXe
    ? tiles.map((tile) => join(devicePath, tile, 'physical_vram_size_bytes'))
    : [join(cardPath, 'lmem_total_bytes')];
  return {
    clock: clocks.find((file) => existsSync(file)),
    throttled: join(throttle, isXe ? 'status' : 'throttle_reason_status'),
    reasons: new Map(reasons.map((name) => [name.replace(/^.*?reason_/, ''), join(throttle, name)])),
    vramTotals: vram,
    hwmon: await findHwmon(card, sensors),
  };
}
