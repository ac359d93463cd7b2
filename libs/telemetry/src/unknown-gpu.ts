import type { GpuObservation } from './monitor.js';

/** A card of which nothing is known but what is given: every back end starts from it. */
export const unknownGpu = (
  known: Pick<GpuObservation, 'vendor' | 'source'> & Partial<GpuObservation>,
): GpuObservation => ({
  uuid: null,
  name: null,
  pci_bus_id: null,
  driver_version: null,
  compute_capability: null,
  util_pct: null,
  mem_util_pct: null,
  vram_used_mb: null,
  vram_total_mb: null,
  temp_c: null,
  mem_temp_c: null,
  power_w: null,
  power_limit_w: null,
  energy_j: null,
  fan_pct: null,
  sm_clock_mhz: null,
  mem_clock_mhz: null,
  pcie_gen: null,
  pcie_width: null,
  pcie_rx_mb_s: null,
  pcie_tx_mb_s: null,
  throttle_reasons: null,
  ecc_errors: null,
  remapped_rows: null,
  xid_last: null,
  mig_mode: null,
  mig_devices: [],
  processes: null,
  state: 'ok',
  ...known,
});

/** What of a card outlasts its values: who it is and how it is set up. */
export function lastingOf(gpu: GpuObservation): GpuObservation {
  const { vendor, source, uuid, name, pci_bus_id, driver_version, compute_capability } = gpu;
  const { vram_total_mb, xid_last, mig_mode, state } = gpu;
  const known = { uuid, name, pci_bus_id, driver_version, compute_capability, vram_total_mb, xid_last, mig_mode };
  return unknownGpu({ vendor, source, ...known, state });
}
