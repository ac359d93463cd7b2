import { nullable, number, object } from './decode.js';

/** Share of the last 10 s in which tasks waited for a resource, 0..100 (`/proc/pressure`). */
export interface PressureReading {
  readonly cpu_some_pct: number | null;
  readonly memory_some_pct: number | null;
  readonly memory_full_pct: number | null;
  readonly io_some_pct: number | null;
  readonly io_full_pct: number | null;
}

/** One reading of the machine. `null` is unknown, never zero. Rates are averages since the reading before. */
export interface NodeReading {
  /** 0..100, the whole machine. */
  readonly cpu_pct: number | null;
  readonly cpu_count: number | null;
  readonly load_1m: number | null;
  /** Total less what the kernel could hand out without swapping. */
  readonly ram_used_mb: number | null;
  readonly ram_total_mb: number | null;
  readonly swap_used_mb: number | null;
  readonly swap_total_mb: number | null;
  readonly uptime_s: number | null;
  /** MiB per second over all physical interfaces; loopback and virtual ones are left out. */
  readonly net_rx_mb_s: number | null;
  readonly net_tx_mb_s: number | null;
  /** MiB per second over all whole disks; partitions, loop and RAM devices are left out. */
  readonly disk_r_mb_s: number | null;
  readonly disk_w_mb_s: number | null;
  readonly cpu_temp_c: number | null;
  /** `null` where the kernel has no pressure stall information. */
  readonly pressure: PressureReading | null;
}

/** Decodes `pressure`. */
export const pressureReading = object<PressureReading>({
  cpu_some_pct: nullable(number),
  memory_some_pct: nullable(number),
  memory_full_pct: nullable(number),
  io_some_pct: nullable(number),
  io_full_pct: nullable(number),
});

/** Decodes `node`. */
export const nodeReading = object<NodeReading>({
  cpu_pct: nullable(number),
  cpu_count: nullable(number),
  load_1m: nullable(number),
  ram_used_mb: nullable(number),
  ram_total_mb: nullable(number),
  swap_used_mb: nullable(number),
  swap_total_mb: nullable(number),
  uptime_s: nullable(number),
  net_rx_mb_s: nullable(number),
  net_tx_mb_s: nullable(number),
  disk_r_mb_s: nullable(number),
  disk_w_mb_s: nullable(number),
  cpu_temp_c: nullable(number),
  pressure: nullable(pressureReading),
});
