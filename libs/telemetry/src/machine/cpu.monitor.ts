import { join } from 'node:path';

import { kernelNumber, nodeMonitor, readKernelFile } from '../kernel-files.js';
import type { Monitor } from '../monitor.js';
import { round } from '../rate.js';

/** `/proc/stat` since boot, in ticks summed over all CPUs. */
export interface CpuTicks {
  readonly busy: number;
  readonly idle: number;
  readonly cpuCount: number | null;
}

/** How busy the whole machine was since the reading before. */
export function cpuMonitor(procRoot: string, budgetMs: number): Monitor {
  let last: CpuTicks | undefined;
  return nodeMonitor('cpu', budgetMs, () => {
    const ticks = parseProcStat(readKernelFile(join(procRoot, 'stat')));
    const cpu_pct = last === undefined ? null : busyPct(last, ticks);
    last = ticks;
    return { cpu_pct, cpu_count: ticks.cpuCount };
  });
}

/** Throws where the text has no line for all CPUs. */
export function parseProcStat(text: string): CpuTicks {
  const fields = /^cpu +(.+)$/m.exec(text)?.[1]?.trim().split(/\s+/).map(kernelNumber) ?? [];
  // A guest's time is counted in user and nice already; kernels before 2.6.11 end earlier.
  const [user, nice, system, idle, ioWait = 0, interrupts = 0, softInterrupts = 0, stolen = 0] = fields;
  const busy = [user, nice, system, interrupts, softInterrupts, stolen].reduce<number>((sum, n) => sum + (n ?? NaN), 0);
  const idleTicks = (idle ?? NaN) + (ioWait ?? NaN);
  if (Number.isNaN(busy + idleTicks)) throw new Error('/proc/stat has no readable cpu line');
  return { busy, idle: idleTicks, cpuCount: text.match(/^cpu\d+ /gm)?.length ?? null };
}

/** 0..100; `null` where a counter went back, as with a CPU that was taken out. */
export function busyPct(before: CpuTicks, now: CpuTicks): number | null {
  const busy = now.busy - before.busy;
  const total = busy + now.idle - before.idle;
  return busy < 0 || total <= 0 || busy > total ? null : round((100 * busy) / total, 1);
}
