import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

import { tryReadKernelFile } from '../kernel-files.js';

/** A worker's own cgroup. */
export interface WorkerCgroup {
  readonly group: string;
  readonly instance: string;
  readonly folder: string;
  /** Below the cgroup root. */
  readonly path: string;
}

/** The processes of a cgroup and of those below it. */
export interface CgroupMembers {
  /** In ascending order. */
  readonly pids: readonly number[];
  /** There are processes of a PID namespace that can't be seen from here. */
  readonly hasHidden: boolean;
}

/** How deep a worker may nest cgroups of its own. */
const DEPTH_MAX = 8;
/** Most processes of one worker; a sample lists fewer. */
const PIDS_MAX = 4096;

/** `{slice}/{group}/{instance}` below the root; none where the slice is missing. */
export function workerCgroups(cgroupRoot: string, slice: string): WorkerCgroup[] {
  return subfolders(join(cgroupRoot, slice)).flatMap((group) =>
    subfolders(join(cgroupRoot, slice, group)).map((instance) => {
      const path = join(slice, group, instance);
      return { group, instance, path, folder: join(cgroupRoot, path) };
    }),
  );
}

/** A cgroup that goes meanwhile has no processes. */
export function membersBelow(folder: string): CgroupMembers {
  const pids = new Set<number>();
  collectPids(folder, DEPTH_MAX, pids);
  // The kernel writes 0 for a process of a PID namespace that can't be seen from here.
  const hasHidden = pids.delete(0);
  return { pids: [...pids].sort((a, b) => a - b).slice(0, PIDS_MAX), hasHidden };
}

function collectPids(folder: string, depth: number, pids: Set<number>): void {
  for (const line of tryReadKernelFile(join(folder, 'cgroup.procs'))?.split('\n') ?? []) {
    if (/^\d+$/.test(line)) pids.add(Number(line));
  }
  if (depth === 0) return;
  for (const name of subfolders(folder)) collectPids(join(folder, name), depth - 1, pids);
}

function subfolders(folder: string): string[] {
  try {
    // Of a folder's links, two are its own and the others its subfolders': most cgroups have none but many files.
    if (statSync(folder).nlink === 2) return [];
    return readdirSync(folder, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => name);
  } catch {
    return [];
  }
}
