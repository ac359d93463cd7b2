import { join } from 'node:path';

import type { NodeReading } from '#contracts';

import { kernelNumber, nodeMonitor, readKernelFile } from '../kernel-files.js';
import type { Monitor } from '../monitor.js';
import { round } from '../rate.js';

type MemoryReading = Pick<NodeReading, 'ram_used_mb' | 'ram_total_mb' | 'swap_used_mb' | 'swap_total_mb'>;

/** RAM and swap. */
export function memoryMonitor(procRoot: string, budgetMs: number): Monitor {
  return nodeMonitor('memory', budgetMs, () => parseMemInfo(readKernelFile(join(procRoot, 'meminfo'))));
}

/** Kernels before 3.14 don't tell what is available; then what is used is unknown. */
export function parseMemInfo(text: string): MemoryReading {
  const mib = (key: string): number | null => {
    const kib = kernelNumber(new RegExp(`^${key}: +(\\d+) kB$`, 'm').exec(text)?.[1]);
    return kib === null ? null : round(kib / 1024, 1);
  };
  const [ramTotal, swapTotal] = [mib('MemTotal'), mib('SwapTotal')];
  return {
    ram_used_mb: less(ramTotal, mib('MemAvailable')),
    ram_total_mb: ramTotal,
    swap_used_mb: less(swapTotal, mib('SwapFree')),
    swap_total_mb: swapTotal,
  };
}

function less(total: number | null, free: number | null): number | null {
  return total === null || free === null ? null : round(total - free, 1);
}
