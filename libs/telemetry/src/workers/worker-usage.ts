import { join } from 'node:path';

import { tryReadKernelFile } from '../kernel-files.js';
import type { WorkerObservation } from '../monitor.js';
import { CounterRate, MIB, round } from '../rate.js';
import { type IoBytes, parseCpuUsageUs, parseIoStat, parseMemoryBytes } from './cgroup-files.js';
import type { Process } from './main-process.js';
import type { ProcFiles } from './proc-files.js';
import { TICKS_PER_SECOND } from './process-stat.js';

const US_PER_SECOND = 1_000_000;
/** How long what a process holds of RAM is taken as known, in ms: to ask costs as much as all else together. */
const MEMORY_MS = 5000;

type Usage = Pick<WorkerObservation, 'cpu_pct' | 'rss_mb' | 'io_r_mb_s' | 'io_w_mb_s'>;
type Counters = ReadonlyMap<string, number>;

interface ProcessMemory {
  readonly bytes: number | null;
  readonly untilMs: number;
}

/**
 * What one worker uses. The counters of a cgroup of its own come first: they hold what ended processes used, too.
 * Without such a cgroup, or where a controller is not enabled, its processes are added up; then a process counts from
 * the second sample that sees it.
 */
export class WorkerUsage {
  private readonly cpu = new CounterRate();
  private readonly read = new CounterRate();
  private readonly written = new CounterRate();
  private memories: ReadonlyMap<string, ProcessMemory> = new Map();
  /** Processes whose disk counters may not be read: to be refused costs more than to read. */
  private refused: ReadonlySet<string> = new Set();

  /** `folder`: the cgroup that only this worker is in. */
  constructor(
    private readonly folder: string | null,
    private readonly files: ProcFiles,
  ) {}

  /** Rates are since the call before. `processes` are asked for only where the cgroup does not tell. */
  sample(processes: () => readonly Process[], atMs: number): Usage {
    const cpuUs = this.cpu.perSecond(this.cpuCounters(processes), atMs);
    const io = this.ioCounters(processes);
    const memory = this.memoryBytes(processes, atMs);
    return {
      cpu_pct: cpuUs === null ? null : round((100 * cpuUs) / US_PER_SECOND, 1),
      rss_mb: memory === null ? null : round(memory / MIB, 1),
      io_r_mb_s: this.read.mibPerSecond(io && mapValues(io, ({ read }) => read), atMs),
      io_w_mb_s: this.written.mibPerSecond(io && mapValues(io, ({ written }) => written), atMs),
    };
  }

  private cpuCounters(processes: () => readonly Process[]): Counters | null {
    const usageUs = parseCpuUsageUs(this.ofCgroup('cpu.stat'));
    if (usageUs !== null) return new Map([['cgroup', usageUs]]);
    const counters = processes().map(
      (process) => [keyOf(process), (process.cpuTicks * US_PER_SECOND) / TICKS_PER_SECOND] as const,
    );
    return counters.length === 0 ? null : new Map(counters);
  }

  private memoryBytes(processes: () => readonly Process[], atMs: number): number | null {
    const bytes = parseMemoryBytes(this.ofCgroup('memory.current'), this.ofCgroup('memory.stat'));
    if (bytes !== null) return bytes;
    this.memories = new Map(processes().map((process) => [keyOf(process), this.memoryOf(process, atMs)]));
    const known = [...this.memories.values()].map(({ bytes }) => bytes).filter((memory) => memory !== null);
    return known.length === 0 ? null : known.reduce((sum, memory) => sum + memory, 0);
  }

  private memoryOf(process: Process, atMs: number): ProcessMemory {
    const before = this.memories.get(keyOf(process));
    if (before !== undefined && atMs < before.untilMs) return before;
    // The first time ends early for some, so that not all are asked again at once.
    const keepMs = before === undefined ? (MEMORY_MS * (1 + (process.pid % 5))) / 5 : MEMORY_MS;
    return { bytes: this.files.memory(process.pid), untilMs: atMs + keepMs };
  }

  /** `null` where one process that lives may not be looked at: a part must not pass for the whole. */
  private ioCounters(processes: () => readonly Process[]): ReadonlyMap<string, IoBytes> | null {
    const io = parseIoStat(this.ofCgroup('io.stat'));
    if (io !== null) return new Map([['cgroup', io]]);
    const counters = new Map<string, IoBytes>();
    for (const process of processes()) {
      const bytes = this.refused.has(keyOf(process)) ? null : this.files.io(process.pid);
      if (bytes !== null) counters.set(keyOf(process), bytes);
      else if (this.files.process(process.pid) !== undefined) return this.refuse(process);
    }
    return counters.size === 0 ? null : counters;
  }

  private refuse(process: Process): null {
    this.refused = new Set([keyOf(process)]);
    return null;
  }

  private ofCgroup(file: string): string | undefined {
    return this.folder === null ? undefined : tryReadKernelFile(join(this.folder, file));
  }
}

function keyOf({ pid, startTicks }: Process): string {
  return `${pid}/${startTicks}`;
}

function mapValues<T>(map: ReadonlyMap<string, T>, pick: (value: T) => number): Counters {
  return new Map([...map].map(([name, value]) => [name, pick(value)]));
}
