import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { limits } from '#contracts';
import type { Clock } from '#service-kit';

import { clip } from '../clip.js';
import { tryReadKernelFile } from '../kernel-files.js';
import { parseUptime } from '../machine/uptime.monitor.js';
import type { Contribution, Monitor, WorkerObservation } from '../monitor.js';
import type { InferenceServer, Sightings } from '../sightings.js';
import { Breather } from './breather.js';
import { membersBelow, workerCgroups } from './cgroup-tree.js';
import { CommandLineReader } from './command-line-reader.js';
import { Holders, type SeenHolders } from './holders.js';
import { ListeningSockets } from './listening-sockets.js';
import { ProcFiles } from './proc-files.js';
import { ProcessTable } from './process-table.js';
import { WorkerNames } from './worker-names.js';
import { WorkerForest, type WorkerTree } from './worker-trees.js';
import { type WatchTools, type WorkerName, WorkerWatch } from './worker-watch.js';

/** How long a sample waits for command lines; what comes later is in the next one. */
const LOOK_UP_WAIT_MS = 100;

/** Where the workers and what the kernel knows of them are. */
export interface WorkerRoots {
  readonly procRoot: string;
  readonly cgroupRoot: string;
  readonly cgroupSlice: string;
}

interface NamedWatch {
  readonly name: WorkerName;
  readonly watch: WorkerWatch;
}

/** What one look at the slice found. */
interface SliceMembers {
  readonly claimed: ReadonlySet<number>;
  readonly hasHidden: boolean;
}

/**
 * The workers: every cgroup `{slice}/{group}/{instance}` that has a process, the inference servers that run anywhere
 * else, and whatever else holds GPU memory. A process belongs to one worker only, in that order.
 * Absent is a machine without `/proc`.
 */
export class WorkersMonitor implements Monitor {
  readonly name = 'workers';
  private readonly tools: WatchTools;
  private readonly holders: Holders;
  private readonly forest = new WorkerForest();
  private readonly names = new WorkerNames();
  private slices: ReadonlyMap<string, NamedWatch> = new Map();
  private found: ReadonlyMap<string, WorkerWatch> = new Map();
  private trees: readonly WorkerTree[] = [];
  /** What the trees were grown from, so that they are only grown again when that changes. */
  private grownFrom = '';

  constructor(
    private readonly roots: WorkerRoots,
    private readonly clock: Clock,
    private readonly sightings: Sightings,
    readonly budgetMs: number,
    files: ProcFiles = new ProcFiles(roots.procRoot),
  ) {
    const { procRoot } = roots;
    const commandLines = new CommandLineReader(procRoot);
    const table = new ProcessTable(procRoot, commandLines, clock);
    this.tools = { procRoot, clock, files, table, commandLines, sockets: new ListeningSockets(procRoot, clock) };
    this.holders = new Holders(procRoot, table, files, clock);
  }

  async read(): Promise<Contribution | 'absent'> {
    if (!existsSync(this.roots.procRoot)) return 'absent';
    const breather = new Breather(this.clock);
    await this.tools.table.scan();
    const { claimed, hasHidden } = await this.followSlices(breather);
    const holders = this.holders.look(this.sightings.gpuHolders);
    await this.followTrees(claimed, holders, breather);
    await this.lookUp();
    const named = this.namedWatches();
    const workers = await this.observe(named, breather);
    this.sightings.servers = serversOf(named);
    this.tools.files.closeUnused();
    const hint = hasHidden ? this.sliceHint() : holders.hint;
    return { workers, processes: holders.processes, ...(hint === null ? {} : { hint: clip(hint) }) };
  }

  [Symbol.dispose](): void {
    this.tools.files[Symbol.dispose]();
  }

  /** Keeps a watch for every cgroup of the slice that has a process, and forgets the others at once. */
  private async followSlices(breather: Breather): Promise<SliceMembers> {
    const { cgroupRoot, cgroupSlice } = this.roots;
    const slices = new Map<string, NamedWatch>();
    const claimed = new Set<number>();
    let areAnyHidden = false;
    for (const cgroup of workerCgroups(cgroupRoot, cgroupSlice)) {
      const { pids, hasHidden } = membersBelow(cgroup.folder);
      areAnyHidden ||= hasHidden && pids.length === 0;
      if (pids.length === 0 || slices.size === limits.WORKERS_PER_HIVE_MAX) continue;
      const { watch } = this.slices.get(cgroup.path) ?? { watch: new WorkerWatch(cgroup, this.tools) };
      watch.follow(pids);
      slices.set(cgroup.path, { name: cgroup, watch });
      for (const pid of pids) claimed.add(pid);
      await breather.pause();
    }
    this.slices = slices;
    return { claimed, hasHidden: areAnyHidden };
  }

  private async followTrees(claimed: ReadonlySet<number>, holders: SeenHolders, breather: Breather): Promise<void> {
    const { table } = this.tools;
    const from = `${table.generation}/${[...claimed].join()}/${[...holders.pids].join()}`;
    if (from !== this.grownFrom) {
      this.trees = this.forest.grow(table, claimed, holders.pids);
      this.grownFrom = from;
      await breather.pause();
    }
    const found = new Map<string, WorkerWatch>();
    for (const { key, engine, members } of this.trees.slice(0, limits.WORKERS_PER_HIVE_MAX - this.slices.size)) {
      const watch = this.found.get(key) ?? new WorkerWatch(null, this.tools);
      watch.engine = engine;
      watch.follow([...members.keys()].sort((a, b) => a - b));
      found.set(key, watch);
      await breather.pause();
    }
    this.found = found;
  }

  private async lookUp(): Promise<void> {
    const watches = [...[...this.slices.values()].map(({ watch }) => watch), ...this.found.values()];
    const lookUps = watches.map((watch) => watch.lookUp()).filter((lookUp) => lookUp !== undefined);
    if (lookUps.length > 0) await settledWithin(LOOK_UP_WAIT_MS, lookUps);
  }

  private namedWatches(): readonly NamedWatch[] {
    const inSlices = [...this.slices.values()];
    const reserved = new Set(inSlices.map(({ name: { group, instance } }) => `${group}/${instance}`));
    const seekers = new Map([...this.found].filter(([, { isLookedAt }]) => isLookedAt));
    const names = this.names.give(seekers, reserved);
    const found = [...seekers].flatMap(([key, watch]) => {
      const name = names.get(key);
      return name === undefined ? [] : [{ name, watch }];
    });
    return [...inSlices, ...found];
  }

  private async observe(named: readonly NamedWatch[], breather: Breather): Promise<WorkerObservation[]> {
    const uptimeS = parseUptime(tryReadKernelFile(join(this.roots.procRoot, 'uptime')) ?? '');
    const workers: WorkerObservation[] = [];
    for (const { name, watch } of named) {
      workers.push(watch.observe(name, uptimeS));
      await breather.pause();
    }
    return workers;
  }

  private sliceHint(): string {
    return (
      `the processes in ${this.roots.cgroupSlice} can't be seen from this PID namespace: ` +
      'start the container with pid: host (docker run --pid=host, hostPID: true)'
    );
  }
}

function serversOf(named: readonly NamedWatch[]): InferenceServer[] {
  return named.flatMap(({ name: { group, instance }, watch }) => {
    const { server } = watch;
    return server === null ? [] : [{ worker: `${clip(group)}/${clip(instance)}`, ...server }];
  });
}

async function settledWithin(waitMs: number, work: readonly Promise<void>[]): Promise<void> {
  const done = new AbortController();
  await Promise.race([Promise.all(work), sleep(waitMs, undefined, { signal: done.signal })]);
  done.abort();
}
