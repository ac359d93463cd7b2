import { type Program, programOf, type Recognition, recognize } from './command-line.js';
import type { ProcessStat } from './process-stat.js';

/** A process of this machine as it was when it was last looked at. */
export interface TrackedProcess {
  readonly pid: number;
  /** With the pid it names one process for ever. */
  readonly startTicks: number;
  readonly parent: number;
  readonly image: string;
  readonly isKernelThread: boolean;
  /** What its command line says it is; `null` also while that is not read yet, or may not be. */
  readonly recognized: Recognition | null;
  /** What runs in it, for comparing it with its parent; `null` where that is unknown. */
  readonly program: Pick<Program, 'executable' | 'name'> | null;
}

/** What `stat` alone tells: the rest is as of `before`, if it is still the same program. */
export function trackedFrom(pid: number, stat: ProcessStat, before: TrackedProcess | undefined): TrackedProcess {
  const isSame = before?.startTicks === stat.startTicks;
  return {
    pid,
    startTicks: stat.startTicks,
    parent: stat.parent,
    image: stat.image,
    isKernelThread: stat.isKernelThread,
    recognized: isSame ? before.recognized : null,
    program: isSame ? before.program : null,
  };
}

/** With what its command line says; a line that can't be read right now leaves it as it was. */
export function withCommand(
  process: TrackedProcess,
  words: readonly string[] | null,
  cwd: () => string | null,
): TrackedProcess {
  if (words === null || words.length === 0) return process;
  const { executable, name } = programOf(words);
  return { ...process, recognized: recognize(words, cwd), program: { executable, name } };
}

/** Whether two looks at one process say the same of where it belongs. */
export function isUnchanged(a: TrackedProcess, b: TrackedProcess): boolean {
  return (
    a.startTicks === b.startTicks &&
    a.parent === b.parent &&
    a.recognized?.engine === b.recognized?.engine &&
    a.recognized?.serves === b.recognized?.serves &&
    a.program?.executable === b.program?.executable &&
    a.program?.name === b.program?.name
  );
}
