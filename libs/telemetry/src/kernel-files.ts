import { readdirSync, readFileSync } from 'node:fs';

import type { NodeReading } from '#contracts';

import type { Monitor } from './monitor.js';

/**
 * The text of a file of `/proc`, `/sys` or a cgroup; throws as `readFileSync` does.
 * On purpose not a promise: these files are made of memory, and the detour over the thread pool costs some twenty
 * times as much as the reading. What can block (a process's command line, a sensor chip) is not read with this.
 */
export function readKernelFile(path: string): string {
  return readFileSync(path, 'utf8');
}

/** As `readKernelFile`; `undefined` where the file is missing, forbidden, or its process has just ended. */
export function tryReadKernelFile(path: string): string | undefined {
  try {
    return readKernelFile(path);
  } catch {
    return undefined;
  }
}

/** The names in a folder; none where it is missing. */
export function tryList(path: string): readonly string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}

/** A number as the kernel writes it; `null` for anything else, so that an odd word never becomes 0. */
export function kernelNumber(text: string | undefined): number | null {
  return text !== undefined && /^-?\d+(\.\d+)?$/.test(text) ? Number(text) : null;
}

/** A monitor of the machine whose reading is so cheap that it needs no waiting. */
export function nodeMonitor(name: string, budgetMs: number, readNode: () => Partial<NodeReading> | 'absent'): Monitor {
  return {
    name,
    budgetMs,
    read: () =>
      new Promise((resolve) => {
        const node = readNode();
        resolve(node === 'absent' ? node : { node });
      }),
  };
}
