import { limits } from '#contracts';

import type { GpuObservation } from './monitor.js';
import { lastingOf } from './unknown-gpu.js';

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

const lost = (gpu: GpuObservation, sinceMs: number): GpuObservation => ({
  ...lastingOf(gpu),
  state: 'lost',
  ageMs: (gpu.ageMs ?? 0) + sinceMs,
});
