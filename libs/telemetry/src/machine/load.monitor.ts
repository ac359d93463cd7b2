import { join } from 'node:path';

import { kernelNumber, nodeMonitor, readKernelFile } from '../kernel-files.js';
import type { Monitor } from '../monitor.js';

/** The load average of the last minute. */
export function loadMonitor(procRoot: string, budgetMs: number): Monitor {
  return nodeMonitor('load', budgetMs, () => ({ load_1m: parseLoadAvg(readKernelFile(join(procRoot, 'loadavg'))) }));
}

/** The first of the three averages. */
export function parseLoadAvg(text: string): number | null {
  return kernelNumber(text.split(' ')[0]);
}
