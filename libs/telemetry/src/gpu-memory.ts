import type { WorkerReading } from '#contracts';

import type { GpuObservation, GpuProcess, WorkerObservation } from './monitor.js';
import { BUSY_PCT } from './workers/worker-state.js';

type GpuUse = Pick<WorkerReading, 'vram_mb' | 'total_vram_mb' | 'gpu_ids'> & {
  /** A GPU on which nobody else has a process is busy. */
  readonly computes: boolean;
};

/** What a worker's processes hold of the GPUs; `gpus` is `null` where nobody could tell. */
export function gpuUseOf(pids: ReadonlySet<number>, gpus: readonly GpuObservation[] | null): GpuUse {
  if (gpus === null) return { vram_mb: null, total_vram_mb: null, gpu_ids: [], computes: false };
  const used = gpus.filter(({ processes }) => processes?.some(({ pid }) => pids.has(pid)));
  return {
    vram_mb: sum(gpus.map(({ processes }) => heldMb(processes, pids))),
    total_vram_mb: used.length === 0 ? null : sum(used.map((gpu) => gpu.vram_total_mb)),
    gpu_ids: used.map(({ id }) => id),
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

/** What these processes hold of one GPU; `null` where the driver tells only a part of it. */
function heldMb(processes: readonly GpuProcess[] | null, pids: ReadonlySet<number>): number | null {
  return processes === null ? null : sum(processes.filter(({ pid }) => pids.has(pid)).map(({ vram_mb }) => vram_mb));
}

function sum(values: readonly (number | null)[]): number | null {
  return values.reduce<number | null>((total, value) => (total === null || value === null ? null : total + value), 0);
}
