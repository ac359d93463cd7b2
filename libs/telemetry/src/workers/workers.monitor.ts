import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { limits } from '#contracts';
import type { Clock } from '#service-kit';

import { tryReadKernelFile } from '../kernel-files.js';
import { parseUptime } from '../machine/uptime.monitor.js';
import type { Contribution, Monitor } from '../monitor.js';
import type { Sightings } from '../sightings.js';
import { pidsBelow, type WorkerCgroup, workerCgroups } from './cgroup-tree.js';
import { ListeningPorts } from './listening-ports.js';
import { WorkerWatch } from './worker-watch.js';

/** How long a sample waits for command lines; what comes later is in the next one. */
const LOOK_UP_WAIT_MS = 100;

/** Where the workers and what the kernel knows of them are. */
export interface WorkerRoots {
  readonly procRoot: string;
  readonly cgroupRoot: string;
  readonly cgroupSlice: string;
}

/**
 * The workers: every cgroup `{slice}/{group}/{instance}` that has a process. A slice that is missing means that there
 * are none; absent is only a machine without cgroup v2 at that root.
 */
export class WorkersMonitor implements Monitor {
  readonly name = 'workers';
  private readonly listeningPorts: ListeningPorts;
  private watches: ReadonlyMap<string, WorkerWatch> = new Map();

  constructor(
    private readonly roots: WorkerRoots,
    private readonly clock: Clock,
    readonly sightings: Sightings,
    readonly budgetMs: number,
  ) {
    this.listeningPorts = new ListeningPorts(roots.procRoot, clock);
  }

  async read(): Promise<Contribution | 'absent'> {
    const { cgroupRoot, cgroupSlice, procRoot } = this.roots;
    if (!isCgroup2(cgroupRoot) && !existsSync(join(cgroupRoot, cgroupSlice))) return 'absent';
    this.follow(workerCgroups(cgroupRoot, cgroupSlice));
    const uptimeS = parseUptime(tryReadKernelFile(join(procRoot, 'uptime')) ?? '');
    const watches = [...this.watches.values()];
    const lookUps = watches.map((watch) => watch.lookUp()).filter((lookUp) => lookUp !== undefined);
    if (lookUps.length > 0) await settledWithin(LOOK_UP_WAIT_MS, lookUps);
    return { workers: watches.map((watch) => watch.observe(uptimeS, this.clock.monotonicMs())) };
  }

  /** Keeps a watch for every cgroup that has a process, and forgets the others at once. */
  private follow(cgroups: readonly WorkerCgroup[]): void {
    const watches = new Map<string, WorkerWatch>();
    for (const cgroup of cgroups) {
      const pids = pidsBelow(cgroup.folder);
      if (pids.length === 0 || watches.size === limits.WORKERS_PER_HIVE_MAX) continue;
      const watch = this.watches.get(cgroup.path) ?? new WorkerWatch(cgroup, this.roots.procRoot, this.listeningPorts);
      watch.follow(pids, this.clock.monotonicMs());
      watches.set(cgroup.path, watch);
    }
    this.watches = watches;
  }
}

/** The file that the root of a version 2 hierarchy has and that of version 1 has not. */
function isCgroup2(root: string): boolean {
  return existsSync(join(root, 'cgroup.controllers'));
}

async function settledWithin(waitMs: number, work: readonly Promise<void>[]): Promise<void> {
  const done = new AbortController();
  await Promise.race([Promise.all(work), sleep(waitMs, undefined, { signal: done.signal })]);
  done.abort();
}
