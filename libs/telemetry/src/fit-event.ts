import type { GpuReading, WorkerReading } from '#contracts';

/** What workers and GPUs may take of an event, which has at most 1 MiB. */
const WORKERS_BYTES_MAX = 576 * 1024;
const GPUS_BYTES_MAX = 256 * 1024;
/** So few fit whatever they hold; most samples end here, without a look at their size. */
const WORKERS_ALWAYS_FIT = 32;
const PROCESSES_ALWAYS_FIT = 128;

/** The first workers, as many as an event holds: names and command lines are anybody's, and may be as long as allowed. */
export function fitWorkers(workers: readonly WorkerReading[]): readonly WorkerReading[] {
  if (workers.length <= WORKERS_ALWAYS_FIT) return workers;
  let bytes = 0;
  const end = workers.findIndex((worker) => (bytes += jsonBytes(worker)) > WORKERS_BYTES_MAX);
  return end === -1 ? workers : workers.slice(0, end);
}

/** All cards, each with as many of its largest processes as an event holds. */
export function fitProcesses(gpus: readonly GpuReading[]): readonly GpuReading[] {
  const longest = Math.max(0, ...gpus.map(({ processes }) => processes?.length ?? 0));
  if (longest * gpus.length <= PROCESSES_ALWAYS_FIT || jsonBytes(gpus) <= GPUS_BYTES_MAX) return gpus;
  const half = Math.floor(longest / 2);
  return fitProcesses(gpus.map((gpu) => ({ ...gpu, processes: gpu.processes?.slice(0, half) ?? null })));
}

const jsonBytes = (value: unknown): number => Buffer.byteLength(JSON.stringify(value));
