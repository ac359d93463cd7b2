import { limits } from '#contracts';

import type { GpuProcess } from '../monitor.js';
import type { DrmUse } from './drm-clients.js';

/** What a card uses itself and for a display: no more than this can be left over where nobody is missing in a list. */
const UNEXPLAINED_MB_MAX = 512;

/**
 * Who holds memory of a card: those who have its device file open and those who compute through KFD, which most are
 * both and may not count twice. What queues in user space use, as ROCm's, the kernel does not see.
 */
export function gpuHolders(uses: ReadonlyMap<number, DrmUse>, kfd: ReadonlyMap<number, number>): readonly GpuProcess[] {
  return [...new Set([...uses.keys(), ...kfd.keys()])]
    .map((pid) => ({
      pid,
      vram_mb: larger(uses.get(pid)?.vramMb ?? null, kfd.get(pid) ?? null),
      sm_util_pct: kfd.has(pid) ? null : (uses.get(pid)?.utilPct ?? null),
    }))
    .filter(({ vram_mb, sm_util_pct }) => vram_mb !== 0 || (sm_util_pct ?? 0) > 0)
    .slice(0, 4 * limits.PROCESSES_PER_GPU_MAX);
}

/** Whether those that could be seen are all that there can be: not much of the used memory is left for others. */
export function explains(holders: readonly GpuProcess[], usedMb: number | null): boolean {
  return usedMb !== null && usedMb - holders.reduce((sum, { vram_mb }) => sum + (vram_mb ?? 0), 0) < UNEXPLAINED_MB_MAX;
}

const larger = (a: number | null, b: number | null): number | null =>
  a === null || b === null ? (a ?? b) : Math.max(a, b);
