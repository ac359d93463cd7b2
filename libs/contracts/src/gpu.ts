import { count, flag, list, nullable, number, object, oneOf, text } from './decode.js';
import { MIG_DEVICES_PER_GPU_MAX, PROCESSES_PER_GPU_MAX, SHORT_LIST_MAX } from './limits.js';

/** ECC errors since the driver was loaded; `null` where the card does not count them. */
export interface EccErrors {
  readonly corrected: number | null;
  readonly uncorrected: number | null;
}

/** Memory rows that the card has replaced by spares (Ampere and later). */
export interface RemappedRows {
  readonly corrected: number;
  readonly uncorrected: number;
  /** Replaced at the next reset only. */
  readonly pending: boolean;
  /** A row could not be replaced: the card is to be exchanged. */
  readonly failed: boolean;
}

/** One slice of a card in MIG mode. */
export interface MigDevice {
  readonly index: number;
  readonly uuid: string | null;
  readonly gpu_instance_id: number | null;
  readonly compute_instance_id: number | null;
  readonly vram_used_mb: number | null;
  readonly vram_total_mb: number | null;
}

/**
 * What is known of a process that holds GPU memory: `blocked` waits in the kernel for a driver or a disk and can't be
 * killed, `dead` has ended and still holds the memory.
 */
export const GPU_PROCESS_STATES = ['running', 'blocked', 'dead'] as const;
export type GpuProcessState = (typeof GPU_PROCESS_STATES)[number];

/** A process that holds memory of a GPU. */
export interface GpuProcessReading {
  readonly pid: number;
  readonly name: string | null;
  readonly vram_mb: number | null;
  /** Its share of the driver's own window, 0..100; `null` where the driver takes no samples of it. */
  readonly sm_util_pct: number | null;
  /** The worker that it belongs to. */
  readonly worker_id: string | null;
  /** `null` where this hive can't see the process, as from another PID namespace. */
  readonly state: GpuProcessState | null;
}

/**
 * `wedged`: the driver does not answer, the values are the last known. `lost`: it was there and is gone. `asleep`: it
 * is switched off to save power, and asking it would wake it.
 */
export const GPU_STATES = ['ok', 'wedged', 'lost', 'asleep'] as const;
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
  /** "9.0": what its code is compiled for. */
  readonly compute_capability: string | null;
  /** Which back end gave the values, such as "nvml". */
  readonly source: string;
  /** How old the values are. */
  readonly age_ms: number | null;
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
  /** Used since the driver was loaded, in joules. */
  readonly energy_j: number | null;
  readonly fan_pct: number | null;
  readonly sm_clock_mhz: number | null;
  readonly mem_clock_mhz: number | null;
  readonly pcie_gen: number | null;
  readonly pcie_width: number | null;
  /** Only on request (`HIVE_PCIE_THROUGHPUT=on`): the driver takes tens of ms a card to tell. */
  readonly pcie_rx_mb_s: number | null;
  readonly pcie_tx_mb_s: number | null;
  /** What holds the clocks down right now, in the driver's words without their prefix; `null` if it can't tell. */
  readonly throttle_reasons: readonly string[] | null;
  readonly ecc_errors: EccErrors | null;
  readonly remapped_rows: RemappedRows | null;
  /** The number of the last Xid error that the hive saw; `null` if it saw none or can't see them. */
  readonly xid_last: number | null;
  readonly mig_mode: 'enabled' | 'disabled' | null;
  readonly mig_devices: readonly MigDevice[];
  /** Used less the sum of the known workers'; `null` where either is unknown. */
  readonly unattributed_vram_mb: number | null;
  /** Who holds its memory, the largest first; `null` where the driver can't list them. */
  readonly processes: readonly GpuProcessReading[] | null;
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
  compute_capability: nullable(text()),
  source: text(),
  age_ms: nullable(number),
  util_pct: nullable(number),
  mem_util_pct: nullable(number),
  vram_used_mb: nullable(number),
  vram_total_mb: nullable(number),
  temp_c: nullable(number),
  mem_temp_c: nullable(number),
  power_w: nullable(number),
  power_limit_w: nullable(number),
  energy_j: nullable(number),
  fan_pct: nullable(number),
  sm_clock_mhz: nullable(number),
  mem_clock_mhz: nullable(number),
  pcie_gen: nullable(number),
  pcie_width: nullable(number),
  pcie_rx_mb_s: nullable(number),
  pcie_tx_mb_s: nullable(number),
  throttle_reasons: nullable(list(text(), SHORT_LIST_MAX)),
  ecc_errors: nullable(object<EccErrors>({ corrected: nullable(count), uncorrected: nullable(count) })),
  remapped_rows: nullable(object<RemappedRows>({ corrected: count, uncorrected: count, pending: flag, failed: flag })),
  xid_last: nullable(count),
  mig_mode: nullable(oneOf(['enabled', 'disabled'])),
  mig_devices: list(
    object<MigDevice>({
      index: count,
      uuid: nullable(text()),
      gpu_instance_id: nullable(count),
      compute_instance_id: nullable(count),
      vram_used_mb: nullable(number),
      vram_total_mb: nullable(number),
    }),
    MIG_DEVICES_PER_GPU_MAX,
  ),
  unattributed_vram_mb: nullable(number),
  processes: nullable(
    list(
      object<GpuProcessReading>({
        pid: count,
        name: nullable(text()),
        vram_mb: nullable(number),
        sm_util_pct: nullable(number),
        worker_id: nullable(text(1024)),
        state: nullable(oneOf(GPU_PROCESS_STATES)),
      }),
      PROCESSES_PER_GPU_MAX,
    ),
  ),
  state: oneOf(GPU_STATES),
});
