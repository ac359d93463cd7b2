import { join } from 'node:path';

import { tryList } from '../kernel-files.js';
import type { DrmCard } from './drm-cards.js';
import type { SensorFiles } from './sensor-files.js';

/**
 * Where a card's own sensors are; `undefined` where it lacks one. By the labels, not the numbers: those differ between
 * cards.
 *
 * Source: the kernel's Documentation/gpu/amdgpu/thermal.rst, Documentation/ABI/testing/sysfs-driver-intel-i915-hwmon
 * and sysfs-driver-intel-xe-hwmon.
 */
export interface HwmonFiles {
  /** The die: its edge, else its hottest spot, else the package, else the only one there is. Thousandths of a degree. */
  readonly temp?: string | undefined;
  readonly memTemp?: string | undefined;
  /** Microwatts, as are the limits. */
  readonly power?: string | undefined;
  readonly powerLimit?: string | undefined;
  /** Microjoules since the driver was loaded. */
  readonly energy?: string | undefined;
  /** Turns a minute. */
  readonly fanSpeed?: string | undefined;
  readonly fanSpeedMax?: string | undefined;
  /** 0 to 255. */
  readonly fanPwm?: string | undefined;
  /** Hz. */
  readonly smClock?: string | undefined;
  readonly memClock?: string | undefined;
}

/** What the drivers call the sensor on the die, the best first. */
const CORE_TEMPERATURES = ['edge', 'junction', 'pkg', ''];
/** Some cards have one for each memory chip. */
const CHANNELS_MAX = 32;
const MEMORY_TEMPERATURES = ['mem', 'vram'];

/** Asks as one asks a sensor: some drivers give even a label only when no reading is under way. */
export async function findHwmon(card: DrmCard, sensors: SensorFiles): Promise<HwmonFiles> {
  const folder = await chipOf(card, sensors);
  if (folder === undefined) return {};
  const names = new Set(tryList(folder));
  const file = (...wanted: string[]): string | undefined => {
    const found = wanted.find((name) => names.has(name));
    return found === undefined ? undefined : join(folder, found);
  };
  const temperatures = await labelled(folder, names, 'temp', sensors);
  const clocks = await labelled(folder, names, 'freq', sensors);
  // Of a card that has both, channel 1 is the whole card and channel 2 the package on it.
  const channel = names.has('energy1_input') || !names.has('energy2_input') ? 1 : 2;
  return {
    temp: first(temperatures, CORE_TEMPERATURES),
    memTemp: first(temperatures, MEMORY_TEMPERATURES),
    power: file('power1_average', 'power1_input'),
    powerLimit: file(card.vendor === 'AMD' ? 'power1_cap' : `power${channel}_max`),
    energy: file(`energy${channel}_input`),
    fanSpeed: file('fan1_input'),
    fanSpeedMax: file('fan1_max'),
    fanPwm: file('pwm1'),
    smClock: clocks.get('sclk') ?? file('freq1_input'),
    memClock: clocks.get('mclk') ?? file('freq2_input'),
  };
}

/** The chip that the card's driver registered for the card as a whole. */
async function chipOf(card: DrmCard, sensors: SensorFiles): Promise<string | undefined> {
  for (const chip of tryList(join(card.devicePath, 'hwmon'))) {
    const folder = join(card.devicePath, 'hwmon', chip);
    if ((await sensors.text(join(folder, 'name'))) === card.driver) return folder;
  }
  return undefined;
}

/** Files by label; where several have the same, the one with the lowest number. */
async function labelled(
  folder: string,
  names: ReadonlySet<string>,
  kind: 'temp' | 'freq',
  sensors: SensorFiles,
): Promise<ReadonlyMap<string, string>> {
  const inputs = [...names].filter((name) => new RegExp(`^${kind}\\d+_input$`).test(name)).sort();
  const found = new Map<string, string>();
  for (const input of inputs.slice(0, CHANNELS_MAX)) {
    const label = (await sensors.text(join(folder, input.replace(/_input$/, '_label')))) ?? '';
    if (!found.has(label)) found.set(label, join(folder, input));
  }
  return found;
}

const first = (files: ReadonlyMap<string, string>, labels: readonly string[]): string | undefined =>
  labels.map((label) => files.get(label)).find((file) => file !== undefined);
