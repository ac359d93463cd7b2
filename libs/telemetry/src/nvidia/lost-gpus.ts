import { limits } from '#contracts';

import type { GpuObservation } from '../monitor.js';
import { inPciOrder } from './nvidia-smi-parser.js';

/**
 * Adds the GPUs that the driver listed before and no longer does: a card that falls off the bus stays in sight, as
 * lost and with nothing known, and the others keep their ids.
 */
export function withLostGpus(before: readonly GpuObservation[], now: readonly GpuObservation[]): GpuObservation[] {
  const listed = new Set(now.map((gpu) => gpu.pci_bus_id));
  const gone = before.filter((gpu) => gpu.pci_bus_id !== null && !listed.has(gpu.pci_bus_id));
  return inPciOrder([...now, ...gone.map(lost)].slice(0, limits.GPUS_PER_HIVE_MAX));
}

function lost(gpu: GpuObservation): GpuObservation {
  return {
    ...gpu,
    util_pct: null,
    mem_util_pct: null,
    vram_used_mb: null,
    temp_c: null,
    mem_temp_c: null,
    power_w: null,
    power_limit_w: null,
    fan_pct: null,
    sm_clock_mhz: null,
    mem_clock_mhz: null,
    pcie_gen: null,
    pcie_width: null,
    throttle_reasons: null,
    ecc_errors: null,
    mig_devices: [],
    processes: null,
    state: 'lost',
  };
}
