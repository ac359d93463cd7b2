import { type EccErrors, limits, type MigDevice, type RemappedRows } from '#contracts';

import { clip } from '../../clip.js';
import type { GpuProcess } from '../../monitor.js';
import { children, type Element, element, numberAt, textAt } from './xml-tree.js';

/** A longer list is not believed: far more than a driver can serve. */
const PROCESSES_PER_GPU_MAX = 4096;

/** Names of what is active without their prefix; idling is no throttling. `null` where the driver can't tell. */
export function throttleReasons(gpu: Element): readonly string[] | null {
  const reasons = element(gpu['clocks_event_reasons']) ?? element(gpu['clocks_throttle_reasons']) ?? {};
  const told = Object.entries(reasons).filter(([, state]) => state === 'Active' || state === 'Not Active');
  if (told.length === 0) return null;
  return told
    .filter(([, state]) => state === 'Active')
    .map(([name]) => clip(name.replace(/^clocks_(throttle|event)_reason_/, '')))
    .filter((reason) => reason !== 'gpu_idle')
    .slice(0, limits.SHORT_LIST_MAX);
}

/** Since the driver was loaded, over all of the card's memories that count errors; before v11 the driver adds up. */
export function eccErrors(gpu: Element): EccErrors | null {
  const volatile = element(element(gpu['ecc_errors'])?.['volatile']) ?? {};
  const corrected = total(volatile, /_correctable/) ?? numberAt(volatile, '', 'single_bit', 'total');
  const uncorrected = total(volatile, /_uncorrectable/) ?? numberAt(volatile, '', 'double_bit', 'total');
  return corrected === null && uncorrected === null ? null : { corrected, uncorrected };
}

function total(counters: Element, name: RegExp): number | null {
  const known = Object.keys(counters)
    .filter((key) => name.test(key))
    .map((key) => numberAt(counters, '', key))
    .filter((count) => count !== null);
  return known.length === 0 ? null : known.reduce((sum, count) => sum + count, 0);
}

/** `null` for a card that has no spare rows. */
export function remappedRows(gpu: Element): RemappedRows | null {
  const rows = element(gpu['remapped_rows']);
  const corrected = numberAt(rows, '', 'remapped_row_corr');
  const uncorrected = numberAt(rows, '', 'remapped_row_unc');
  const [pending, failed] = ['remapped_row_pending', 'remapped_row_failure'].map((name) => textAt(rows, name));
  if (corrected === null || uncorrected === null) return null;
  return { corrected, uncorrected, pending: pending === 'Yes', failed: failed === 'Yes' };
}

/** `null` for a card that can't be sliced. */
export function migMode(gpu: Element): 'enabled' | 'disabled' | null {
  const mode = textAt(gpu, 'mig_mode', 'current_mig');
  if (mode === 'Enabled') return 'enabled';
  return mode === 'Disabled' ? 'disabled' : null;
}

/** The slices of a card in MIG mode. */
export function migDevices(gpu: Element): readonly MigDevice[] {
  return children(gpu['mig_devices'], 'mig_device')
    .map(element)
    .filter((device) => device !== undefined)
    .slice(0, limits.MIG_DEVICES_PER_GPU_MAX)
    .map((device, position) => ({
      index: numberAt(device, '', 'index') ?? position,
      uuid: textAt(device, 'uuid'),
      gpu_instance_id: numberAt(device, '', 'gpu_instance_id'),
      compute_instance_id: numberAt(device, '', 'compute_instance_id'),
      vram_used_mb: numberAt(device, 'MiB', 'fb_memory_usage', 'used'),
      vram_total_mb: numberAt(device, 'MiB', 'fb_memory_usage', 'total'),
    }));
}

/**
 * An empty list is known to be empty. `null` where the driver doesn't list processes, and where one entry can't be
 * read: part of a list must not pass for all of it.
 */
export function processes(
  gpu: Element,
  wanted: (entry: unknown) => boolean = () => true,
): readonly GpuProcess[] | null {
  const list = gpu['processes'];
  if (typeof list === 'string' ? list.trim() !== '' : element(list) === undefined) return null;
  const entries = children(list, 'process_info').filter(wanted);
  if (entries.length > PROCESSES_PER_GPU_MAX) return null;
  const read = entries.map((entry) => ({
    pid: numberAt(entry, '', 'pid'),
    vram_mb: numberAt(entry, 'MiB', 'used_memory'),
  }));
  return read.every((entry): entry is { pid: number; vram_mb: number | null } => entry.pid !== null)
    ? read.map((entry) => ({ ...entry, sm_util_pct: null }))
    : null;
}

/** The processes that only draw: `--query-compute-apps` leaves them out. */
export const graphicsProcesses = (gpu: Element): readonly GpuProcess[] | null =>
  processes(gpu, (entry) => textAt(entry, 'type') === 'G');
