import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { kernelNumber, tryList, tryReadKernelFile } from '../kernel-files.js';
import type { Monitor } from '../monitor.js';
import { round } from '../rate.js';

/** The drivers that measure the CPU itself, and the label of its hottest spot; a board's sensor is no substitute. */
const CPU_CHIPS: ReadonlyMap<string, RegExp> = new Map([
  ['coretemp', /^Package id \d+$/],
  ['k10temp', /^(Tctl|Tdie)$/],
  ['zenpower', /^(Tctl|Tdie)$/],
  ['cpu_thermal', /^$/],
]);

const CPU_ZONE = /^(x86_pkg_temp$|cpu)/i;

/**
 * The hottest CPU package in degrees Celsius; absent where no sensor is known to measure the CPU.
 * The search is repeated only while there is none: sensors don't move.
 */
export function cpuTemperatureMonitor(sysRoot: string, budgetMs: number): Monitor {
  let files: readonly string[] = [];
  return {
    name: 'cpu-temperature',
    budgetMs,
    async read(signal) {
      if (files.length === 0) files = cpuTemperatureFiles(sysRoot);
      if (files.length === 0) return 'absent';
      const texts = await Promise.all(files.map((file) => readFile(file, { encoding: 'utf8', signal })));
      return { node: { cpu_temp_c: hottestC(texts) } };
    },
  };
}

/** The sensors of the hardware monitoring chips, else the thermal zones. */
export function cpuTemperatureFiles(sysRoot: string): string[] {
  const chips = join(sysRoot, 'class/hwmon');
  const sensors = tryList(chips).flatMap((chip) => chipSensors(join(chips, chip)));
  return sensors.length > 0 ? sensors : zoneSensors(join(sysRoot, 'class/thermal'));
}

/** From thousandths of a degree; `null` where no sensor gave a number. */
export function hottestC(milliCelsius: readonly string[]): number | null {
  const known = milliCelsius.map((text) => kernelNumber(text.trim())).filter((value) => value !== null);
  return known.length === 0 ? null : round(Math.max(...known) / 1000, 1);
}

function chipSensors(chip: string): string[] {
  const label = CPU_CHIPS.get(tryReadKernelFile(join(chip, 'name'))?.trim() ?? '');
  if (label === undefined) return [];
  return tryList(chip)
    .filter((name) => /^temp\d+_input$/.test(name))
    .map((name) => join(chip, name))
    .filter((file) => label.test(tryReadKernelFile(file.replace(/_input$/, '_label'))?.trim() ?? ''));
}

function zoneSensors(zones: string): string[] {
  return tryList(zones)
    .filter((zone) => CPU_ZONE.test(tryReadKernelFile(join(zones, zone, 'type'))?.trim() ?? ''))
    .map((zone) => join(zones, zone, 'temp'));
}
