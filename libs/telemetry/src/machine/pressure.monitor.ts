import { join } from 'node:path';

import { kernelNumber, nodeMonitor, tryReadKernelFile } from '../kernel-files.js';
import type { Monitor } from '../monitor.js';

/** Pressure stall averages of the last 10 s; absent where the kernel has none or was started with `psi=0`. */
export function pressureMonitor(procRoot: string, budgetMs: number): Monitor {
  return nodeMonitor('pressure', budgetMs, () => {
    const [cpu, memory, io] = ['cpu', 'memory', 'io'].map((name) =>
      tryReadKernelFile(join(procRoot, 'pressure', name)),
    );
    if (cpu === undefined && memory === undefined && io === undefined) return 'absent';
    return {
      pressure: {
        cpu_some_pct: parsePressure(cpu, 'some'),
        memory_some_pct: parsePressure(memory, 'some'),
        memory_full_pct: parsePressure(memory, 'full'),
        io_some_pct: parsePressure(io, 'some'),
        io_full_pct: parsePressure(io, 'full'),
      },
    };
  });
}

/** The 10 s average of one line, 0..100. */
export function parsePressure(text: string | undefined, line: 'some' | 'full'): number | null {
  return kernelNumber(new RegExp(`^${line} avg10=(\\S+)`, 'm').exec(text ?? '')?.[1]);
}
