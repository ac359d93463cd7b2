import type { GpuObservation } from '../monitor.js';
import { MIB } from '../rate.js';
import type { HwmonFiles } from './hwmon.js';
import type { Plausible, SensorFiles } from './sensor-files.js';

/** More is no card that exists, but a sensor that is broken or a file that means something else. */
export const PERCENT: Plausible = { max: 100 };
export const VRAM: Plausible = { perUnit: MIB, max: 16 * MIB, decimals: 1 };
export const MHZ: Plausible = { max: 20_000 };
const HZ: Plausible = { perUnit: 1e6, max: 20_000 };
const CELSIUS: Plausible = { perUnit: 1000, min: -60, max: 250, decimals: 1 };
const WATTS: Plausible = { perUnit: 1e6, max: 10_000, decimals: 1 };
/** A driver says 0 where no limit is set. */
const WATTS_LIMIT: Plausible = { ...WATTS, min: 0.1 };
const TURNS: Plausible = { max: 100_000 };
const JOULES: Plausible = { perUnit: 1e6, max: 1e12, decimals: 3 };
const PWM_MAX = 255;

export type HwmonReading = Pick<
  GpuObservation,
  'temp_c' | 'mem_temp_c' | 'power_w' | 'energy_j' | 'fan_pct' | 'sm_clock_mhz' | 'mem_clock_mhz'
>;

/** What changes when somebody sets it, or takes the driver long: read this often only. */
const SLOW_EVERY_MS = 10_000;

/** Values that are kept between readings. */
export class SlowValues {
  private values: Partial<GpuObservation> = {};
  private readAtMs = -Infinity;

  constructor(private readonly read: () => Promise<Partial<GpuObservation>>) {}

  async at(nowMs: number): Promise<Partial<GpuObservation>> {
    if (nowMs - this.readAtMs >= SLOW_EVERY_MS) {
      this.values = await this.read();
      this.readAtMs = nowMs;
    }
    return this.values;
  }
}

/** The limit that is set, in watts. */
export const powerLimitW = (files: HwmonFiles, sensors: SensorFiles): Promise<number | null> =>
  sensors.number(files.powerLimit, WATTS_LIMIT);

/** What the hardware monitoring chip of a card measures. */
export async function readHwmon(files: HwmonFiles, sensors: SensorFiles): Promise<HwmonReading> {
  return {
    temp_c: await sensors.number(files.temp, CELSIUS),
    mem_temp_c: await sensors.number(files.memTemp, CELSIUS),
    power_w: await sensors.number(files.power, WATTS),
    energy_j: await sensors.number(files.energy, JOULES),
    fan_pct: await fanPct(files, sensors),
    sm_clock_mhz: await sensors.number(files.smClock, HZ),
    mem_clock_mhz: await sensors.number(files.memClock, HZ),
  };
}

/** As measured where the card tells its fastest, else as the driver asks the fan to turn. */
async function fanPct(files: HwmonFiles, sensors: SensorFiles): Promise<number | null> {
  const fastest = files.fanSpeed && (await sensors.number(files.fanSpeedMax, { ...TURNS, min: 1 }));
  if (fastest) {
    const speed = await sensors.number(files.fanSpeed, TURNS);
    return speed === null ? null : Math.min(100, Math.round((100 * speed) / fastest));
  }
  return sensors.number(files.fanPwm, { perUnit: PWM_MAX / 100, max: 100 });
}
