import { limits } from '#contracts';

import type { GpuObservation } from './monitor.js';
import { unknownGpu } from './unknown-gpu.js';

/**
 * Adds the GPUs that the driver listed before and no longer does: a card that falls off the bus stays in sight, as
 * lost and with nothing known but who it is, and the others keep their numbers. `sinceMs`: since the reading before.
 */
export function withLostGpus(
  before: readonly GpuObservation[],
  now: readonly GpuObservation[],
  sinceMs: number,
): GpuObservation[] {
  const listed = new Set(now.map((gpu) => gpu.pci_bus_id));
  const gone = before.filter((gpu) => gpu.pci_bus_id !== null && !listed.has(gpu.pci_bus_id));
  return [...now, ...gone.map((gpu) => lost(gpu, sinceMs))].slice(0, limits.GPUS_PER_HIVE_MAX);
}

function lost(gpu: GpuObservation, sinceMs: number): GpuObservation {
  const { vendor, source, uuid, name, pci_bus_id, driver_version, compute_capability, vram_total_mb } = gpu;
  const { xid_last, mig_mode } = gpu;
  const known = { uuid, name, pci_bus_id, driver_version, compute_capability, vram_total_mb, xid_last, mig_mode };
  return unknownGpu({ vendor, source, ...known, state: 'lost', ageMs: (gpu.ageMs ?? 0) + sinceMs });
}
