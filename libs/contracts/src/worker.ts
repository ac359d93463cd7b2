import { count, list, nullable, number, object, oneOf, text } from './decode.js';
import { COMMAND_BYTES_MAX, PIDS_PER_WORKER_MAX, SHORT_LIST_MAX } from './limits.js';

/**
 * What a worker does, as seen from outside: `starting` until its port answers, `busy` while requests run (where the
 * engine does not tell: while it computes), `error` when its main process is a zombie or gone, else `ready`.
 */
export const WORKER_STATES = ['starting', 'ready', 'busy', 'error'] as const;
export type WorkerState = (typeof WORKER_STATES)[number];

/**
 * How a worker was found: in the slice that the settings name, in a container or a systemd unit, by the command line
 * of an inference server, or because it holds GPU memory.
 */
export const WORKER_FOUND_BY = ['slice', 'container', 'unit', 'command', 'gpu'] as const;
export type WorkerFoundBy = (typeof WORKER_FOUND_BY)[number];

/** The container that a worker runs in, by its cgroup path. */
export interface ContainerReading {
  /** "docker", "podman", "containerd", "cri-o", "lxc", … */
  readonly runtime: string;
  /** As far as the path tells it. */
  readonly id: string;
  readonly pod_uid: string | null;
}

/** What an engine says of itself, in one vocabulary; `null` where it does not tell. */
export interface EngineMetrics {
  readonly requests_running: number | null;
  readonly requests_waiting: number | null;
  /**
   * Generated, over all requests: since its answer before, or over a minute where the engine counts the tokens of a
   * request when the request ends.
   */
  readonly tokens_per_s: number | null;
  /** Read as prompts, over all requests, as `tokens_per_s`. */
  readonly prompt_tokens_per_s: number | null;
  readonly kv_cache_pct: number | null;
  /** Time to the first token, over the requests of the last minute; `null` where there were none. */
  readonly ttft_ms_p50: number | null;
  readonly ttft_ms_p95: number | null;
  /** Tokens that one request may have. */
  readonly context_max: number | null;
}

/** The engine's own answer, a command line of the worker, or that of its parent. */
export const MODEL_SOURCES = ['engine', 'cmdline', 'parent'] as const;
export type ModelSource = (typeof MODEL_SOURCES)[number];

/** An inference process group on a hive. `null` is unknown, never zero. Rates are averages since the sample before. */
export interface WorkerReading extends EngineMetrics {
  /** The main process: the one whose parent is not of the group. */
  readonly pid: number;
  /** At most 256 of them are listed. */
  readonly pids: readonly number[];
  readonly found_by: WorkerFoundBy;
  /** In a slice the folder above the instance, else the engine, or "other". */
  readonly group: string;
  /** Usually the port. */
  readonly instance: string;
  /** `hive_id/group/instance`. */
  readonly worker_id: string;
  /** Path below the cgroup root. */
  readonly cgroup: string | null;
  readonly container: ContainerReading | null;
  /** Of the main process: secrets taken out, cut at 256 bytes. */
  readonly command: string | null;
  readonly port: number | null;
  readonly engine: string | null;
  readonly model: string | null;
  /** Where `model` was read. */
  readonly model_source: ModelSource | null;
  /** Why the engine's own numbers are `null`, in one sentence; `null` where they are not. */
  readonly engine_error: string | null;
  /** 100 is one core. */
  readonly cpu_pct: number | null;
  /** Memory less what the kernel could drop of the file cache. */
  readonly rss_mb: number | null;
  readonly io_r_mb_s: number | null;
  readonly io_w_mb_s: number | null;
  readonly uptime_s: number | null;
  /** How long no request has run, as far as this hive has watched; `null` where the engine does not tell. */
  readonly idle_s: number | null;
  /** Its share of the GPUs that it uses, 0..100; `null` where the driver takes no samples of processes. */
  readonly gpu_util_pct: number | null;
  /** An estimate: the power of its GPUs, divided by the utilization of the processes on them. */
  readonly power_est_w: number | null;
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
  found_by: oneOf(WORKER_FOUND_BY),
  group: text(),
  instance: text(),
  worker_id: text(1024),
  cgroup: nullable(text(1024)),
  container: nullable(object<ContainerReading>({ runtime: text(), id: text(), pod_uid: nullable(text()) })),
  command: nullable(text(COMMAND_BYTES_MAX)),
  port: nullable(count),
  engine: nullable(text()),
  model: nullable(text()),
  model_source: nullable(oneOf(MODEL_SOURCES)),
  engine_error: nullable(text()),
  requests_running: nullable(number),
  requests_waiting: nullable(number),
  tokens_per_s: nullable(number),
  prompt_tokens_per_s: nullable(number),
  kv_cache_pct: nullable(number),
  ttft_ms_p50: nullable(number),
  ttft_ms_p95: nullable(number),
  context_max: nullable(number),
  cpu_pct: nullable(number),
  rss_mb: nullable(number),
  io_r_mb_s: nullable(number),
  io_w_mb_s: nullable(number),
  uptime_s: nullable(number),
  idle_s: nullable(number),
  gpu_util_pct: nullable(number),
  power_est_w: nullable(number),
  vram_mb: nullable(number),
  total_vram_mb: nullable(number),
  gpu_ids: list(text(), SHORT_LIST_MAX),
  state: oneOf(WORKER_STATES),
});
