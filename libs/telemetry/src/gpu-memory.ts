import { type GpuProcessReading, limits, type WorkerReading } from '#contracts';

import type { GpuObservation, GpuProcess, ProcessObservation, WorkerObservation } from './monitor.js';
import { round } from './rate.js';
import { BUSY_PCT } from './workers/worker-state.js';

/** A GPU with the number that it has among all of this machine. */
export interface NumberedGpu extends GpuObservation {
  readonly id: string;
}

type GpuUse = Pick<WorkerReading, 'gpu_util_pct' | 'power_est_w' | 'vram_mb' | 'total_vram_mb' | 'gpu_ids'> & {
  /** A GPU on which nobody else has a process is busy. */
  readonly computes: boolean;
};

const NO_USE: GpuUse = {
  gpu_util_pct: null,
  power_est_w: null,
  vram_mb: null,
  total_vram_mb: null,
  gpu_ids: [],
  computes: false,
};

/** What a worker's processes hold of the GPUs; `gpus` is `null` where nobody could tell. */
export function gpuUseOf(pids: ReadonlySet<number>, gpus: readonly NumberedGpu[] | null): GpuUse {
  if (gpus === null) return NO_USE;
  // Of a card that is gone nothing is held, though nobody can list it any more.
  const present = gpus.filter(({ state }) => state !== 'lost');
  const used = present.filter(({ processes }) => processes?.some(({ pid }) => pids.has(pid)));
  const utilization = sum(used.map((gpu) => utilizationPct(gpu.processes, pids)));
  const power = sum(used.map((gpu) => powerShareW(gpu, pids)));
  return {
    gpu_util_pct: used.length === 0 || utilization === null ? null : round(utilization / used.length, 1),
    power_est_w: used.length === 0 || power === null ? null : round(power, 1),
    vram_mb: sum(present.map(({ processes }) => heldMb(processes, pids))),
    total_vram_mb: used.length === 0 ? null : sum(used.map((gpu) => gpu.vram_total_mb)),
    gpu_ids: used.map(({ id }) => id).slice(0, limits.SHORT_LIST_MAX),
    computes: used.some((gpu) => (gpu.util_pct ?? 0) >= BUSY_PCT && gpu.processes?.every(({ pid }) => pids.has(pid))),
  };
}

/**
 * What a GPU holds that no known worker does, in MiB. The driver reads the two sides one after the other, so a
 * difference below zero is none.
 */
export function unattributedMb(
  usedMb: number | null,
  processes: readonly GpuProcess[] | null,
  workers: readonly WorkerObservation[] | null,
): number | null {
  if (usedMb === null || workers === null) return null;
  const held = heldMb(processes, new Set(workers.flatMap(({ pids }) => pids)));
  return held === null ? null : Math.max(0, usedMb - held);
}

/** Who holds memory of one GPU, the largest first; `workerOf` tells the worker of a pid. */
export function gpuProcesses(
  processes: readonly GpuProcess[] | null,
  seen: ReadonlyMap<number, ProcessObservation>,
  workerOf: ReadonlyMap<number, string>,
): readonly GpuProcessReading[] | null {
  if (processes === null) return null;
  return [...processes]
    .sort((a, b) => (b.vram_mb ?? 0) - (a.vram_mb ?? 0))
    .slice(0, limits.PROCESSES_PER_GPU_MAX)
    .map((process) => ({
      ...process,
      name: seen.get(process.pid)?.name ?? null,
      worker_id: workerOf.get(process.pid) ?? null,
      state: seen.get(process.pid)?.state ?? null,
    }));
}

/** What these processes hold of one GPU; `null` where the driver tells only a part of it. */
function heldMb(processes: readonly GpuProcess[] | null, pids: ReadonlySet<number>): number | null {
  return processes === null ? null : sum(processes.filter(({ pid }) => pids.has(pid)).map(({ vram_mb }) => vram_mb));
}

function utilizationPct(processes: readonly GpuProcess[] | null, pids: ReadonlySet<number>): number | null {
  const own = processes?.filter(({ pid }) => pids.has(pid)).map((process) => process.sm_util_pct) ?? [null];
  const total = sum(own);
  return total === null ? null : Math.min(100, total);
}

/** Of the power of a card, what falls to these processes by their part of the utilization of all. */
function powerShareW(gpu: GpuObservation, pids: ReadonlySet<number>): number | null {
  const all = sum(gpu.processes?.map((process) => process.sm_util_pct) ?? [null]);
  const own = utilizationPct(gpu.processes, pids);
  if (gpu.power_w === null || all === null || own === null) return null;
  return all === 0 ? 0 : (gpu.power_w * own) / Math.max(own, all);
}

function sum(values: readonly (number | null)[]): number | null {
  return values.reduce<number | null>((total, value) => (total === null || value === null ? null : total + value), 0);
}
