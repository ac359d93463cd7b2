import { join } from 'node:path';

import { kernelNumber, nodeMonitor, readKernelFile } from '../kernel-files.js';
import type { Monitor } from '../monitor.js';

/** Seconds since the machine booted, time asleep included. */
export function uptimeMonitor(procRoot: string, budgetMs: number): Monitor {
  return nodeMonitor('uptime', budgetMs, () => ({ uptime_s: parseUptime(readKernelFile(join(procRoot, 'uptime'))) }));
}

/** The first of the two numbers; the other is idle time. */
export function parseUptime(text: string): number | null {
  return kernelNumber(text.split(' ')[0]);
}
