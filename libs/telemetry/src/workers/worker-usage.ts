import { existsSync } from 'node:fs';
import { join } from 'node:path';

import { tryReadKernelFile } from '../kernel-files.js';
import type { WorkerObservation } from '../monitor.js';
import { CounterRate, MIB, round } from '../rate.js';
import { type IoBytes, parseCpuUsageUs, parseIoStat, parseMemoryBytes } from './cgroup-files.js';
import { parseProcessIo, parseProcessMemoryBytes } from './process-files.js';
import { parseProcessStat, TICKS_PER_SECOND } from './process-stat.js';

const US_PER_SECOND = 1_000_000;

type Usage = Pick<WorkerObservation, 'cpu_pct' | 'rss_mb' | 'io_r_mb_s' | 'io_w_mb_s'>;
type Counters = ReadonlyMap<string, number>;

/**
 * What one worker uses. The cgroup's own counters come first: they hold what ended processes used, too. Where a
 * controller is not enabled, its processes are added up; then a process counts from the second sample that sees it.
 */
export class WorkerUsage {
  private readonly cpu = new CounterRate();
  private readonly read = new CounterRate();
  private readonly written = new CounterRate();

  constructor(
    private readonly folder: string,
    private readonly procRoot: string,
  ) {}

  /** Rates are since the call before. */
  sample(pids: readonly number[], atMs: number): Usage {
    const cpuUs = this.cpu.perSecond(this.cpuCounters(pids), atMs);
    const io = this.ioCounters(pids);
    const memory = this.memoryBytes(pids);
    return {
      cpu_pct: cpuUs === null ? null : round((100 * cpuUs) / US_PER_SECOND, 1),
      rss_mb: memory === null ? null : round(memory / MIB, 1),
      io_r_mb_s: this.read.mibPerSecond(io && mapValues(io, ({ read }) => read), atMs),
      io_w_mb_s: this.written.mibPerSecond(io && mapValues(io, ({ written }) => written), atMs),
    };
  }

  private cpuCounters(pids: readonly number[]): Counters | null {
    const usageUs = parseCpuUsageUs(this.ofCgroup('cpu.stat'));
    if (usageUs !== null) return new Map([['cgroup', usageUs]]);
    const counters = new Map<string, number>();
    for (const pid of pids) {
      const stat = parseProcessStat(this.ofProcess(pid, 'stat') ?? '');
      if (stat === null) continue;
      counters.set(`${pid}/${stat.startTicks}`, (stat.cpuTicks * US_PER_SECOND) / TICKS_PER_SECOND);
    }
    return counters.size === 0 ? null : counters;
  }

  private memoryBytes(pids: readonly number[]): number | null {
    const bytes = parseMemoryBytes(this.ofCgroup('memory.current'), this.ofCgroup('memory.stat'));
    if (bytes !== null) return bytes;
    const known = pids
      .map((pid) => parseProcessMemoryBytes(this.ofProcess(pid, 'status') ?? ''))
      .filter((memory) => memory !== null);
    return known.length === 0 ? null : known.reduce((sum, memory) => sum + memory, 0);
  }

  /** `null` where one process that lives may not be looked at: a part must not pass for the whole. */
  private ioCounters(pids: readonly number[]): ReadonlyMap<string, IoBytes> | null {
    const io = parseIoStat(this.ofCgroup('io.stat'));
    if (io !== null) return new Map([['cgroup', io]]);
    const counters = new Map<string, IoBytes>();
    for (const pid of pids) {
      const bytes = parseProcessIo(this.ofProcess(pid, 'io') ?? '');
      if (bytes !== null) counters.set(String(pid), bytes);
      else if (existsSync(join(this.procRoot, String(pid)))) return null;
    }
    return counters.size === 0 ? null : counters;
  }

  private ofCgroup(file: string): string | undefined {
    return tryReadKernelFile(join(this.folder, file));
  }

  private ofProcess(pid: number, file: string): string | undefined {
    return tryReadKernelFile(join(this.procRoot, String(pid), file));
  }
}

function mapValues<T>(map: ReadonlyMap<string, T>, pick: (value: T) => number): Counters {
  return new Map([...map].map(([name, value]) => [name, pick(value)]));
}
