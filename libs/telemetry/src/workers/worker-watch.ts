import { join } from 'node:path';

import { clip } from '../clip.js';
import { tryReadKernelFile } from '../kernel-files.js';
import type { WorkerObservation } from '../monitor.js';
import { round } from '../rate.js';
import type { WorkerCgroup } from './cgroup-tree.js';
import { type CommandFacts, NO_FACTS } from './command-line.js';
import type { ListeningPorts } from './listening-ports.js';
import { isSameProcess, mainProcess, type Process } from './main-process.js';
import { parseProcessStat, TICKS_PER_SECOND } from './process-stat.js';
import { orElse, readFacts } from './worker-facts.js';
import { workerState } from './worker-state.js';
import { WorkerUsage } from './worker-usage.js';

const CGROUP_LENGTH_MAX = 1024;

/** One worker from sample to sample: keeps what its rates need and what can't change. */
export class WorkerWatch {
  private readonly usage: WorkerUsage;
  private pids: readonly number[] = [];
  private main: Process | undefined;
  private mainSinceMs = 0;
  private facts: CommandFacts = NO_FACTS;
  private listening = false;
  private orphaned = false;
  private lookingUp: Promise<void> | undefined;
  /** Whether the command lines have been read since the processes last changed. */
  private areFactsRead = false;

  constructor(
    private readonly cgroup: WorkerCgroup,
    private readonly procRoot: string,
    private readonly listeningPorts: ListeningPorts,
  ) {
    this.usage = new WorkerUsage(cgroup.folder, procRoot);
  }

  /** Takes the processes of this sample and finds the main one; looks at the others only when they have changed. */
  follow(pids: readonly number[], atMs: number): void {
    const before = this.pids;
    this.pids = pids;
    const isUnchanged = pids.length === before.length && pids.every((pid, index) => pid === before[index]);
    const main = isUnchanged && this.main !== undefined ? this.process(this.main.pid) : undefined;
    if (main === undefined || main.image !== this.main?.image || !isSameProcess(main, this.main)) {
      const processes = pids.map((pid) => this.process(pid)).filter((process) => process !== undefined);
      this.appoint(mainProcess(processes), before, atMs);
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
    if (this.areFactsRead && (this.facts.port === null || this.listening)) return this.lookingUp;
    this.lookingUp ??= this.lookUpMain()
      .catch(() => undefined)
      .finally(() => (this.lookingUp = undefined));
    return this.lookingUp;
  }

  /** The worker as of this sample; its rates are since the sample before. `machineUptimeS`: `null` if unknown. */
  observe(machineUptimeS: number | null, atMs: number): WorkerObservation {
    const usage = this.usage.sample(this.pids, atMs);
    const { port, engine, model } = this.facts;
    return {
      pid: this.main?.pid ?? Math.min(...this.pids),
      pids: this.pids,
      group: clip(this.cgroup.group),
      instance: clip(this.cgroup.instance),
      found_by: 'slice',
      container: null,
      command: null,
      cgroup: clip(this.cgroup.path, CGROUP_LENGTH_MAX),
      port,
      engine,
      model,
      model_source: model === null ? null : 'cmdline',
      ...usage,
      uptime_s: this.uptimeS(machineUptimeS),
      state: workerState({
        mainState: this.main?.state,
        orphaned: this.orphaned,
        listening: port === null ? undefined : this.listening,
        cpuPct: usage.cpu_pct,
      }),
    };
  }

  private appoint(main: Process | undefined, before: readonly number[], atMs: number): void {
    this.areFactsRead = false;
    if (!isSameProcess(main, this.main)) {
      const wasThere = main !== undefined && main.pid !== this.main?.pid && before.includes(main.pid);
      this.orphaned = wasThere && this.listening;
      this.listening = false;
      this.mainSinceMs = atMs;
      this.facts = NO_FACTS;
    }
    this.main = main;
  }

  private async lookUpMain(): Promise<void> {
    const { main } = this;
    if (main === undefined) return;
    if (!this.areFactsRead) {
      this.areFactsRead = true;
      const others = this.pids.filter((pid) => pid !== main.pid);
      const facts = await readFacts(this.procRoot, this.cgroup.instance, main.pid, others);
      if (!isSameProcess(main, this.main)) return;
      this.facts = orElse(facts, this.facts);
    }
    const { port } = this.facts;
    if (port === null || this.listening) return;
    const listening = await this.listeningPorts.has(main.pid, port, this.mainSinceMs);
    this.listening = listening && isSameProcess(main, this.main);
  }

  private uptimeS(machineUptimeS: number | null): number | null {
    if (machineUptimeS === null || this.main === undefined) return null;
    return Math.max(0, round(machineUptimeS - this.main.startTicks / TICKS_PER_SECOND, 1));
  }

  private process(pid: number): Process | undefined {
    const stat = parseProcessStat(tryReadKernelFile(join(this.procRoot, String(pid), 'stat')) ?? '');
    return stat === null ? undefined : { pid, ...stat };
  }
}
