import { join } from 'node:path';

import { tryList, tryReadKernelFile } from '../kernel-files.js';
import type { DrmCard } from './drm-cards.js';

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
const MEMORY_TEMPERATURES = ['mem', 'vram'];

/** Reads names and labels only, which no driver asks its card for. */
export function findHwmon(card: DrmCard): HwmonFiles {
  const chips = join(card.devicePath, 'hwmon');
  const chip = tryList(chips).find((name) => nameOf(join(chips, name)) === card.driver);
  if (chip === undefined) return {};
  const folder = join(chips, chip);
  const names = new Set(tryList(folder));
  const file = (...wanted: string[]): string | undefined => {
    const found = wanted.find((name) => names.has(name));
    return found === undefined ? undefined : join(folder, found);
  };
  const temperatures = labelled(folder, names, 'temp');
  const clocks = labelled(folder, names, 'freq');
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

const nameOf = (folder: string): string | undefined => tryReadKernelFile(join(folder, 'name'))?.trim();

/** Files by label; where several have the same, the one with the lowest number. */
function labelled(folder: string, names: ReadonlySet<string>, kind: 'temp' | 'freq'): ReadonlyMap<string, string> {
  const inputs = [...names]
    .filter((name) => new RegExp(`^${kind}\\d+_input$`).test(name))
    .sort()
    .reverse();
  return new Map(
    inputs.map((input) => {
      const label = tryReadKernelFile(join(folder, input.replace(/_input$/, '_label')))?.trim() ?? '';
      return [label, join(folder, input)];
    }),
  );
}

const first = (files: ReadonlyMap<string, string>, labels: readonly string[]): string | undefined =>
  labels.map((label) => files.get(label)).find((file) => file !== undefined);
