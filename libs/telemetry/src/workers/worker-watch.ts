import { join } from 'node:path';

import type { WorkerFoundBy } from '#contracts';
import type { Clock } from '#service-kit';

import { clip } from '../clip.js';
import { tryReadKernelFile } from '../kernel-files.js';
import type { WorkerObservation } from '../monitor.js';
import { round } from '../rate.js';
import { type CgroupPlace, NO_PLACE, parseCgroupPlace } from './cgroup-path.js';
import type { CommandLineReader } from './command-line-reader.js';
import { defaultPortOf, parsePort } from './command-line.js';
import type { ListeningSockets } from './listening-sockets.js';
import { isSameProcess, mainProcess, type Process } from './main-process.js';
import type { ProcFiles } from './proc-files.js';
import { TICKS_PER_SECOND } from './process-stat.js';
import type { ProcessTable } from './process-table.js';
import { readFacts, UNKNOWN_FACTS, withGapsFilled, type WorkerFacts } from './worker-facts.js';
import { WorkerPort } from './worker-port.js';
import { workerState } from './worker-state.js';
import { WorkerUsage } from './worker-usage.js';

/** How far up the parents of a worker are looked for. */
const PARENTS_MAX = 8;

/** What all watches share. */
export interface WatchTools {
  readonly procRoot: string;
  readonly clock: Clock;
  readonly files: ProcFiles;
  readonly table: ProcessTable;
  readonly commandLines: CommandLineReader;
  readonly sockets: ListeningSockets;
}

/** A cgroup below the slice of the settings, which names its worker. */
export interface SlicePlace {
  readonly group: string;
  readonly instance: string;
  readonly folder: string;
  readonly path: string;
}

/** What a worker is called; `composeSample` knows it by `group/instance`. */
export interface WorkerName {
  readonly group: string;
  readonly instance: string;
}

/** One worker from sample to sample: keeps what its rates need and what can't change. */
export class WorkerWatch {
  private readonly usage: WorkerUsage;
  private pids: readonly number[] = [];
  private main: Process | undefined;
  private facts: WorkerFacts = UNKNOWN_FACTS;
  private place: CgroupPlace = NO_PLACE;
  private port: WorkerPort;
  private orphaned = false;
  private lookingUp: Promise<void> | undefined;
  /** Whether the command lines have been read since the processes last changed. */
  private areFactsRead = false;
  /** What its processes were recognized as; `null` in a slice or where they only hold GPU memory. */
  engine: string | null = null;
  /** Whether enough is known of it to name it. */
  isLookedAt = false;
  /** The first main process, which names a worker without a port for as long as it lives. */
  private firstPid = 0;

  /** Without a `slice` it was found by its processes alone. */
  constructor(
    private readonly slice: SlicePlace | null,
    private readonly tools: WatchTools,
  ) {
    this.usage = new WorkerUsage(slice?.folder ?? null, tools.files);
    this.port = this.newPort();
  }

  /** Takes the processes of this sample and finds the main one; looks at the others only when they have changed. */
  follow(pids: readonly number[]): void {
    const before = this.pids;
    this.pids = pids;
    const isUnchanged = pids.length === before.length && pids.every((pid, index) => pid === before[index]);
    const main = isUnchanged && this.main !== undefined ? this.tools.files.process(this.main.pid) : undefined;
    const isRight = this.main === undefined || this.serves(this.main.pid) || !this.pids.some((pid) => this.serves(pid));
    if (main === undefined || !isRight || main.image !== this.main?.image || !isSameProcess(main, this.main)) {
      this.appoint(this.chooseMain(), before);
    } else {
      this.main = main;
    }
  }

  /**
   * Looks up the command lines, which takes waiting, and then the port while nothing listens there. Never rejects;
   * undefined where there is nothing to wait for. A lookup that hangs is not repeated: what it would tell stays
   * unknown.
   */
  lookUp(): Promise<void> | undefined {
    if (this.areFactsRead && !this.port.isDue) return this.lookingUp;
    this.lookingUp ??= this.lookUpMain()
      .catch(() => undefined)
      .finally(() => {
        this.lookingUp = undefined;
        this.isLookedAt = true;
      });
    return this.lookingUp;
  }

  /** What it should be called outside of a slice: after where it listens, is told to listen, or listens by default. */
  get wantedName(): WorkerName {
    const engine = this.knownEngine;
    const port = this.port.number ?? this.expectedPort;
    return {
      group: engine ?? 'other',
      instance: engine === null || port === null ? `pid-${this.firstPid}` : String(port),
    };
  }

  get isListening(): boolean {
    return this.port.number !== null;
  }

  /** Where its engine can be asked; `null` where there is none, or none that this hive can reach. */
  get server(): { engine: string; origin: string; pid: number; startTicks: number } | null {
    const engine = this.knownEngine;
    const { origin } = this.port;
    if (engine === null || origin === null || this.main === undefined) return null;
    return { engine, origin, pid: this.main.pid, startTicks: this.main.startTicks };
  }

  /** The worker as of this sample; its rates are since the sample before. `machineUptimeS`: `null` if unknown. */
  observe({ group, instance }: WorkerName, machineUptimeS: number | null): WorkerObservation {
    const usage = this.usage.sample(this.lazyProcesses(), this.tools.clock.monotonicMs());
    const { model, modelSource, command } = this.facts;
    return {
      pid: this.main?.pid ?? Math.min(...this.pids),
      pids: this.pids,
      found_by: this.foundBy,
      group: clip(group),
      instance: clip(instance),
      cgroup: this.slice?.path ?? this.place.path,
      container: this.place.container,
      command,
      port: this.port.number ?? this.toldPort,
      engine: this.knownEngine,
      model,
      model_source: modelSource,
      ...usage,
      uptime_s: this.uptimeS(machineUptimeS),
      state: workerState({
        mainState: this.main?.state,
        orphaned: this.orphaned,
        listening: this.expectedPort === null && !this.isListening ? undefined : this.isListening,
        cpuPct: usage.cpu_pct,
      }),
    };
  }

  private get foundBy(): WorkerFoundBy {
    if (this.slice !== null) return 'slice';
    if (this.engine === null) return 'gpu';
    if (this.place.container !== null) return 'container';
    return this.place.unit === null ? 'command' : 'unit';
  }

  private get knownEngine(): string | null {
    return this.engine ?? this.facts.engine;
  }

  private get expectedPort(): number | null {
    return this.toldPort ?? defaultPortOf(this.knownEngine);
  }

  /** In a slice the instance is usually called after it. */
  private get toldPort(): number | null {
    return this.facts.port ?? parsePort(this.slice?.instance ?? null);
  }

  private serves(pid: number): boolean {
    return this.tools.table.get(pid)?.recognized?.serves === true;
  }

  /** A launcher is not the worker: where a server is among its processes, that one is. */
  private chooseMain(): Process | undefined {
    const processes = this.allProcesses();
    const servers = processes.filter(({ pid }) => this.serves(pid));
    return mainProcess(servers.length === 0 ? processes : servers);
  }

  private appoint(main: Process | undefined, before: readonly number[]): void {
    this.areFactsRead = false;
    if (!isSameProcess(main, this.main)) {
      const wasThere = main !== undefined && before.includes(main.pid);
      const isLeft = this.main !== undefined && !this.pids.includes(this.main.pid);
      this.orphaned = wasThere && isLeft && this.isListening;
      this.port = this.newPort();
      // What is left of a server is still the one that it was told to be.
      if (!this.orphaned) this.facts = UNKNOWN_FACTS;
    }
    this.main = main;
    if (this.firstPid === 0) this.firstPid = main?.pid ?? 0;
  }

  private async lookUpMain(): Promise<void> {
    const { main } = this;
    if (main === undefined) return;
    if (!this.areFactsRead) {
      this.areFactsRead = true;
      const others = this.pids.filter((pid) => pid !== main.pid);
      const processes = { main: main.pid, others, parents: this.parentsOf(main) };
      this.place = this.readPlace(main.pid);
      const known = { engine: this.engine, port: this.slice === null ? null : parsePort(this.slice.instance) };
      const facts = await readFacts(this.tools.commandLines, processes, known);
      if (!isSameProcess(main, this.main)) return;
      this.facts = withGapsFilled(facts, this.facts);
    }
    const { port } = this;
    if (!port.isDue) return;
    const pids = [main.pid, ...this.pids.filter((pid) => pid !== main.pid)];
    const byDefault = defaultPortOf(this.knownEngine);
    await port.search({ main: main.pid, pids, told: this.toldPort, byDefault });
  }

  private newPort(): WorkerPort {
    return new WorkerPort(this.tools.sockets, this.tools.clock, this.tools.clock.monotonicMs());
  }

  private readPlace(pid: number): CgroupPlace {
    return parseCgroupPlace(tryReadKernelFile(join(this.tools.procRoot, String(pid), 'cgroup')) ?? '');
  }

  private parentsOf(main: Process): readonly number[] {
    const parents: number[] = [];
    for (let pid = main.parent; pid > 1 && parents.length < PARENTS_MAX;) {
      parents.push(pid);
      pid = this.tools.table.get(pid)?.parent ?? 0;
    }
    return parents;
  }

  private allProcesses(): Process[] {
    return this.pids.map((pid) => this.tools.files.process(pid)).filter((process) => process !== undefined);
  }

  private lazyProcesses(): () => readonly Process[] {
    let processes: readonly Process[] | undefined;
    return () => (processes ??= this.allProcesses());
  }

  private uptimeS(machineUptimeS: number | null): number | null {
    if (machineUptimeS === null || this.main === undefined) return null;
    return Math.max(0, round(machineUptimeS - this.main.startTicks / TICKS_PER_SECOND, 1));
  }
}
