import type { ProcessStat } from './process-stat.js';

/** A process of a worker. */
export interface Process extends ProcessStat {
  readonly pid: number;
}

/**
 * The one that stands for the worker: the oldest whose parent isn't of the worker. `undefined` where none could be
 * read.
 */
export function mainProcess(processes: readonly Process[]): Process | undefined {
  const pids = new Set(processes.map(({ pid }) => pid));
  return processes
    .filter(({ parent }) => !pids.has(parent))
    .reduce<Process | undefined>((oldest, each) => (oldest && !isOlder(each, oldest) ? oldest : each), undefined);
}

/** Whether it is one and the same process, not a later one under the same number; it may run another program now. */
export function isSameProcess(a: Process | undefined, b: Process | undefined): boolean {
  return a?.pid === b?.pid && a?.startTicks === b?.startTicks;
}

function isOlder(a: Process, b: Process): boolean {
  return a.startTicks === b.startTicks ? a.pid < b.pid : a.startTicks < b.startTicks;
}
