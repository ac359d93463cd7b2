import { count, list, nullable, number, object, oneOf, text } from './decode.js';
import { MIG_DEVICES_PER_GPU_MAX, SHORT_LIST_MAX } from './limits.js';

/** ECC errors since the driver was loaded; `null` where the card does not count them. */
export interface EccErrors {
  readonly corrected: number | null;
  readonly uncorrected: number | null;
}

/** One slice of a card in MIG mode. */
export interface MigDevice {
  readonly index: number;
  readonly gpu_instance_id: number | null;
  readonly compute_instance_id: number | null;
  readonly vram_used_mb: number | null;
  readonly vram_total_mb: number | null;
}

/** `wedged`: the driver does not answer, the values are the last known. `lost`: it was there and is gone. */
export const GPU_STATES = ['ok', 'wedged', 'lost'] as const;
export type GpuState = (typeof GPU_STATES)[number];

/** One reading of one GPU. A field that the driver does not report is `null`, never zero. */
export interface GpuReading {
  /** "GPU-0": stable, in the order of the PCI addresses. */
  readonly id: string;
  readonly index: number;
  readonly uuid: string | null;
  readonly name: string | null;
  readonly vendor: string;
  readonly pci_bus_id: string | null;
  readonly driver_version: string | null;
  /** 0..100, the share of the driver's own window in which a kernel ran. */
  readonly util_pct: number | null;
  /** 0..100, the share of that window in which memory was read or written. */
  readonly mem_util_pct: number | null;
  readonly vram_used_mb: number | null;
  readonly vram_total_mb: number | null;
  readonly temp_c: number | null;
  readonly mem_temp_c: number | null;
  readonly power_w: number | null;
  readonly power_limit_w: number | null;
  readonly fan_pct: number | null;
  readonly sm_clock_mhz: number | null;
  readonly mem_clock_mhz: number | null;
  readonly pcie_gen: number | null;
  readonly pcie_width: number | null;
  /** What holds the clocks down right now, in the driver's words without their prefix; `null` if it can't tell. */
  readonly throttle_reasons: readonly string[] | null;
  readonly ecc_errors: EccErrors | null;
  readonly xid_last: number | null;
  readonly mig_mode: 'enabled' | 'disabled' | null;
  readonly mig_devices: readonly MigDevice[];
  /** Used less the sum of the known workers'; `null` where either is unknown. */
  readonly unattributed_vram_mb: number | null;
  readonly state: GpuState;
}

/** Decodes an item of `gpus`. */
export const gpuReading = object<GpuReading>({
  id: text(),
  index: count,
  uuid: nullable(text()),
  name: nullable(text()),
  vendor: text(),
  pci_bus_id: nullable(text()),
  driver_version: nullable(text()),
  util_pct: nullable(number),
  mem_util_pct: nullable(number),
  vram_used_mb: nullable(number),
  vram_total_mb: nullable(number),
  temp_c: nullable(number),
  mem_temp_c: nullable(number),
  power_w: nullable(number),
  power_limit_w: nullable(number),
  fan_pct: nullable(number),
  sm_clock_mhz: nullable(number),
  mem_clock_mhz: nullable(number),
  pcie_gen: nullable(number),
  pcie_width: nullable(number),
  throttle_reasons: nullable(list(text(), SHORT_LIST_MAX)),
  ecc_errors: nullable(object<EccErrors>({ corrected: nullable(count), uncorrected: nullable(count) })),
  xid_last: nullable(count),
  mig_mode: nullable(oneOf(['enabled', 'disabled'])),
  mig_devices: list(
    object<MigDevice>({
      index: count,
      gpu_instance_id: nullable(count),
      compute_instance_id: nullable(count),
      vram_used_mb: nullable(number),
      vram_total_mb: nullable(number),
    }),
    MIG_DEVICES_PER_GPU_MAX,
  ),
  unattributed_vram_mb: nullable(number),
  state: oneOf(GPU_STATES),
});
