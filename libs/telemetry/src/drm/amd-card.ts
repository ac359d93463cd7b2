import { join } from 'node:path';

import type { EccErrors } from '#contracts';

import { clip } from '../clip.js';
import { kernelNumber } from '../kernel-files.js';
import type { GpuObservation } from '../monitor.js';
import { amdThrottleReasons } from './amd-throttle.js';
import { PERCENT, powerLimitW, readHwmon, SlowValues, VRAM } from './card-sensors.js';
import type { DrmCard } from './drm-cards.js';
import { findHwmon, type HwmonFiles } from './hwmon.js';
import { pcieLink } from './pcie-link.js';
import type { SensorFiles } from './sensor-files.js';

/**
 * What the driver `amdgpu` tells of one card.
 * Source: the kernel's Documentation/gpu/amdgpu (thermal.rst, driver-misc.rst, ras.rst).
 */
export class AmdCard {
  private identity: Partial<GpuObservation> | undefined;
  private hwmon: HwmonFiles = {};
  private readonly slow = new SlowValues(() => this.readSlow());

  constructor(
    private readonly card: DrmCard,
    private readonly sensors: SensorFiles,
  ) {}

  async read(atMs: number): Promise<Partial<GpuObservation>> {
    if (this.hwmon.temp === undefined) this.hwmon = await findHwmon(this.card, this.sensors);
    this.identity ??= await this.identify();
    return {
      ...this.identity,
      ...(await this.slow.at(atMs)),
      util_pct: await this.sensors.number(this.file('gpu_busy_percent'), PERCENT),
      mem_util_pct: await this.sensors.number(this.file('mem_busy_percent'), PERCENT),
      vram_used_mb: await this.sensors.number(this.file('mem_info_vram_used'), VRAM),
      ...(await readHwmon(this.hwmon, this.sensors)),
      throttle_reasons: amdThrottleReasons(await this.sensors.bytes(this.file('gpu_metrics'))),
    };
  }

  private async readSlow(): Promise<Partial<GpuObservation>> {
    return {
      vram_total_mb: await this.sensors.number(this.file('mem_info_vram_total'), VRAM),
      power_limit_w: await powerLimitW(this.hwmon, this.sensors),
      ...(await pcieLink(this.card, this.sensors)),
      // Counting takes some chips milliseconds.
      ecc_errors: eccErrors(await this.sensors.text(this.file('ras/umc_err_count'))),
    };
  }

  /** Server cards have a product name and a number of their own, others at most the number. */
  private async identify(): Promise<Partial<GpuObservation>> {
    const name = await this.sensors.text(this.file('product_name'));
    const uniqueId = await this.sensors.text(this.file('unique_id'));
    const number = uniqueId || (await this.sensors.text(this.file('serial_number')));
    return { ...(name ? { name: clip(name) } : {}), uuid: number ? clip(number) : null };
  }

  private file(name: string): string {
    return join(this.card.devicePath, name);
  }
}

/** Of the card's memory: `ue: 0` and `ce: 1` on lines of their own. */
export function eccErrors(text: string | null): EccErrors | null {
  const errors = (key: string): number | null =>
    kernelNumber(new RegExp(`^${key}:\\s*(\\d{1,15})$`, 'm').exec(text ?? '')?.[1]);
  const [corrected, uncorrected] = [errors('ce'), errors('ue')];
  return corrected === null && uncorrected === null ? null : { corrected, uncorrected };
}
