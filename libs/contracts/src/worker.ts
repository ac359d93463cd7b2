import { count, list, nullable, number, object, oneOf, text } from './decode.js';
import { PIDS_PER_WORKER_MAX, SHORT_LIST_MAX } from './limits.js';

/**
 * What a worker does, as seen from outside: `starting` until something listens on its port, `busy` while it computes,
 * `error` when its main process is a zombie or gone, else `ready`.
 */
export const WORKER_STATES = ['starting', 'ready', 'busy', 'error'] as const;
export type WorkerState = (typeof WORKER_STATES)[number];

/** An inference process group on a hive. `null` is unknown, never zero. Rates are averages since the sample before. */
export interface WorkerReading {
  /** The main process: the one whose parent is not of the group. */
  readonly pid: number;
  readonly pids: readonly number[];
  /** "llm", "vllm", …: the folder above the instance. */
  readonly group: string;
  /** Usually the port. */
  readonly instance: string;
  /** `hive_id/group/instance`. */
  readonly worker_id: string;
  /** Path below the cgroup root. */
  readonly cgroup: string | null;
  readonly port: number | null;
  readonly engine: string | null;
  readonly model: string | null;
  /** Where `model` was read, such as "cmdline". */
  readonly model_source: string | null;
  /** 100 is one core. */
  readonly cpu_pct: number | null;
  /** Memory less what the kernel could drop of the file cache. */
  readonly rss_mb: number | null;
  readonly io_r_mb_s: number | null;
  readonly io_w_mb_s: number | null;
  readonly uptime_s: number | null;
  readonly gpu_util_pct: number | null;
  /** Summed over all processes of the worker and all GPUs. */
  readonly vram_mb: number | null;
  /** What the GPUs that the worker uses have in all. */
  readonly total_vram_mb: number | null;
  readonly gpu_ids: readonly string[];
  readonly state: WorkerState;
}

/** Decodes an item of `workers`. */
export const workerReading = object<WorkerReading>({
  pid: count,
  pids: list(count, PIDS_PER_WORKER_MAX),
  group: text(),
  instance: text(),
  worker_id: text(1024),
  cgroup: nullable(text(1024)),
  port: nullable(count),
  engine: nullable(text()),
  model: nullable(text()),
  model_source: nullable(text()),
  cpu_pct: nullable(number),
  rss_mb: nullable(number),
  io_r_mb_s: nullable(number),
  io_w_mb_s: nullable(number),
  uptime_s: nullable(number),
  gpu_util_pct: nullable(number),
  vram_mb: nullable(number),
  total_vram_mb: nullable(number),
  gpu_ids: list(text(), SHORT_LIST_MAX),
  state: oneOf(WORKER_STATES),
});
