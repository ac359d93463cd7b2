import { limits } from '#contracts';

import { kernelNumber } from '../../kernel-files.js';
import { pciAddress } from '../../gpu-order.js';
import type { GpuObservation, GpuProcess } from '../../monitor.js';
import { unknownGpu } from '../../unknown-gpu.js';
import {
  eccErrors,
  graphicsProcesses,
  migDevices,
  migMode,
  processes,
  remappedRows,
  throttleReasons,
} from './nvidia-smi-parts.js';
import { children, type Element, element, numberAt, textAt } from './xml-tree.js';

/**
 * The GPUs in the answer of `nvidia-smi -q -x`, schemas v10 to v13. Everything in it is
 * optional: what is missing or unreadable is `null`, what isn't an element is left out.
 * Throws only where it is no such answer at all.
 */
export function parseNvidiaSmi(answer: unknown): GpuObservation[] {
  const log = logOf(answer);
  const driverVersion = textAt(log, 'driver_version');
  return cardsIn(log).map((gpu) => parseGpu(gpu, driverVersion));
}

/** What only this answer tells of a card. */
export interface XmlExtras extends Pick<GpuObservation, 'mig_devices' | 'remapped_rows'> {
  /** The processes that only draw; `null` where the driver doesn't list processes. */
  readonly graphics: readonly GpuProcess[] | null;
}

/** What CSV can't tell, by PCI address. Throws as `parseNvidiaSmi` does. */
export function parseXmlExtras(answer: unknown): ReadonlyMap<string, XmlExtras> {
  const extras = cardsIn(logOf(answer)).map((gpu) => [address(gpu), extrasOf(gpu)] as const);
  return new Map(extras.filter((entry): entry is readonly [string, XmlExtras] => entry[0] !== null));
}

function logOf(answer: unknown): Element {
  const log = element(element(answer)?.['nvidia_smi_log']);
  if (log === undefined) throw new Error('nvidia-smi gave no nvidia_smi_log');
  return log;
}

const cardsIn = (log: Element): readonly Element[] =>
  children(log, 'gpu')
    .map(element)
    .filter((gpu) => gpu !== undefined)
    .slice(0, limits.GPUS_PER_HIVE_MAX);

const address = (gpu: Element): string | null => pciAddress(textAt(gpu, '$', 'id') ?? textAt(gpu, 'pci', 'pci_bus_id'));

const extrasOf = (gpu: Element): XmlExtras => ({
  mig_devices: migDevices(gpu),
  remapped_rows: remappedRows(gpu),
  graphics: graphicsProcesses(gpu),
});

function parseGpu(gpu: Element, driverVersion: string | null): GpuObservation {
  return unknownGpu({
    uuid: textAt(gpu, 'uuid'),
    name: textAt(gpu, 'product_name'),
    vendor: 'NVIDIA',
    source: 'nvidia-smi -q -x',
    pci_bus_id: address(gpu),
    driver_version: driverVersion,
    util_pct: numberAt(gpu, '%', 'utilization', 'gpu_util'),
    mem_util_pct: numberAt(gpu, '%', 'utilization', 'memory_util'),
    vram_used_mb: numberAt(gpu, 'MiB', 'fb_memory_usage', 'used'),
    vram_total_mb: numberAt(gpu, 'MiB', 'fb_memory_usage', 'total'),
    temp_c: numberAt(gpu, 'C', 'temperature', 'gpu_temp'),
    mem_temp_c: numberAt(gpu, 'C', 'temperature', 'memory_temp'),
    power_w: power(gpu, ['power_draw', 'average_power_draw', 'instant_power_draw']),
    power_limit_w: power(gpu, ['current_power_limit', 'enforced_power_limit', 'power_limit']),
    fan_pct: numberAt(gpu, '%', 'fan_speed'),
    sm_clock_mhz: numberAt(gpu, 'MHz', 'clocks', 'sm_clock'),
    mem_clock_mhz: numberAt(gpu, 'MHz', 'clocks', 'mem_clock'),
    pcie_gen: numberAt(gpu, '', 'pci', 'pci_gpu_link_info', 'pcie_gen', 'current_link_gen'),
    pcie_width: pcieWidth(gpu),
    throttle_reasons: throttleReasons(gpu),
    ecc_errors: eccErrors(gpu),
    remapped_rows: remappedRows(gpu),
    mig_mode: migMode(gpu),
    mig_devices: migDevices(gpu),
    processes: processes(gpu),
    state: saysLost(gpu) ? 'lost' : 'ok',
  });
}

/** Of the GPU itself where it and its module are told apart (from v12), else the only one there is. */
function power(gpu: Element, names: readonly string[]): number | null {
  for (const group of ['gpu_power_readings', 'power_readings']) {
    for (const name of names) {
      const watts = numberAt(gpu, 'W', group, name);
      if (watts !== null) return watts;
    }
  }
  return null;
}

/** "16x". */
function pcieWidth(gpu: Element): number | null {
  const width = textAt(gpu, 'pci', 'pci_gpu_link_info', 'link_widths', 'current_link_width');
  return kernelNumber(width?.replace(/x$/, ''));
}

/** The driver says so where the values of the card stood. The name of a process is not its word. */
function saysLost(gpu: Element): boolean {
  const groups = Object.entries(gpu).filter(([name]) => !name.endsWith('processes'));
  const texts = groups.flatMap(([, value]) => [value, ...Object.values(element(value) ?? {})]);
  return texts.some((text) => typeof text === 'string' && /gpu is lost/i.test(text));
}
