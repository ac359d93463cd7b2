import type { FleetWorker, GpuReading, WorkerReading } from '#contracts';

import { type HiveRecord, isOpen } from './hive-record.js';

/** Whether a hive counts as there: its stream is open and not silent for too long. */
export const isOnline = ({ connection, health }: HiveRecord): boolean => isOpen(connection) && health !== 'down';

/** The workers of all hives that are online. */
export function fleetWorkers(records: readonly HiveRecord[]): readonly FleetWorker[] {
  return records.filter(isOnline).flatMap(({ endpoint, latest }) =>
    (latest?.workers ?? []).map((worker) => ({
      ...worker,
      hive_id: endpoint.hiveId,
      hive_url: endpoint.url,
      free_vram_mb: freeVramMb(worker, latest?.gpus ?? []),
    })),
  );
}

/** `null` where the worker uses no GPU, or where one of its GPUs does not tell. */
function freeVramMb({ gpu_ids }: WorkerReading, gpus: readonly GpuReading[]): number | null {
  const used = gpus.filter(({ id }) => gpu_ids.includes(id));
  if (used.length === 0) return null;
  return used.reduce<number | null>((sum, { vram_total_mb, vram_used_mb }) => {
    if (sum === null || vram_total_mb === null || vram_used_mb === null) return null;
    return sum + vram_total_mb - vram_used_mb;
  }, 0);
}

/** What a scheduler asks for. */
export interface WorkerQuery {
  /** The model's whole name, or what follows its last slash; case does not matter. */
  readonly model?: string;
  readonly hive?: string;
  /** `true` wants only workers that are ready and not busy. */
  readonly idle?: boolean;
  /** Workers whose free VRAM is unknown don't match. */
  readonly minFreeVramMb?: number;
}

/** The workers that match all that is asked for. */
export const matchingWorkers = (workers: readonly FleetWorker[], query: WorkerQuery): readonly FleetWorker[] =>
  workers.filter(
    (worker) =>
      (query.model === undefined || isModel(worker.model, query.model)) &&
      (query.hive === undefined || worker.hive_id === query.hive) &&
      (query.idle !== true || worker.state === 'ready') &&
      (query.minFreeVramMb === undefined || (worker.free_vram_mb ?? -1) >= query.minFreeVramMb),
  );

/** The worker with the least to do; `undefined` if none can serve. Unknown load counts as full load. */
export function idlestWorker(workers: readonly FleetWorker[]): FleetWorker | undefined {
  const able = workers.filter(({ state }) => state === 'ready' || state === 'busy');
  return able.sort(byLoad)[0];
}

const LOAD_UNKNOWN = Number.MAX_SAFE_INTEGER;

function byLoad(a: FleetWorker, b: FleetWorker): number {
  if (a.state !== b.state) return a.state === 'ready' ? -1 : 1;
  return (
    (a.gpu_util_pct ?? LOAD_UNKNOWN) - (b.gpu_util_pct ?? LOAD_UNKNOWN) ||
    (a.cpu_pct ?? LOAD_UNKNOWN) - (b.cpu_pct ?? LOAD_UNKNOWN) ||
    (b.free_vram_mb ?? 0) - (a.free_vram_mb ?? 0)
  );
}

function isModel(model: string | null, wanted: string): boolean {
  if (model === null) return false;
  const [name, asked] = [model.toLowerCase(), wanted.toLowerCase()];
  return name === asked || name.slice(name.lastIndexOf('/') + 1) === asked;
}
