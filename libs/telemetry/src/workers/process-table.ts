import { readdirSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';

import type { Clock } from '#service-kit';

import { kernelNumber, tryReadKernelFile } from '../kernel-files.js';
import { Breather } from './breather.js';
import type { CommandLineReader } from './command-line-reader.js';
import type { ProcFiles } from './proc-files.js';
import { parseProcessStat, TICKS_PER_SECOND } from './process-stat.js';
import { isUnchanged, trackedFrom, type TrackedProcess, withCommand } from './tracked-process.js';

/** Most processes that are followed at once; what is beyond that many is not recognized. */
const PROCESSES_MAX = 65_536;
/**
 * When a process is looked at after it was first seen, in ms: not at once, as most end before they matter, and more
 * than once, as a launcher becomes the server and a server renames its children.
 */
const LOOKS_MS: readonly number[] = [900, 3000, 10_000];
/** Within this time every process is looked at again, in ms: one may run another program, or be a later one. */
const SWEEP_MS = 60_000;
/** How often all processes are listed, in ms: to make that list costs the kernel more than all else together. */
const LIST_MS = 10_000;
/** Up to this many numbers since the scan before are tried out one by one. */
const TRIED_MAX = 128;
/** Longest time that one scan looks at command lines, in ms; the rest is the next scan's. */
const COMMANDS_MS = 150;

interface Young {
  readonly pid: number;
  readonly seenMs: number;
  /** How many of the looks it has had. */
  readonly looks: number;
}

/**
 * All processes of this machine, cheaply: a scan meets those that are new by the number that the kernel gave last,
 * looks at those that are due, and sweeps slowly over the rest; now and then all are listed. Command lines are read
 * only of processes that live longer than a second.
 */
export class ProcessTable {
  private readonly processes = new Map<number, TrackedProcess>();
  private young: Young[] = [];
  private sweep: number[] = [];
  private sweptMs: number;
  private listedMs = -Infinity;
  private lastPid: number | null = null;

  /** Counts up whenever a process comes, goes, or turns out to be something else; the kernel's threads don't count. */
  generation = 0;

  constructor(
    private readonly procRoot: string,
    private readonly commandLines: CommandLineReader,
    private readonly files: ProcFiles,
    private readonly clock: Clock,
  ) {
    this.sweptMs = clock.monotonicMs();
  }

  get(pid: number): TrackedProcess | undefined {
    return this.processes.get(pid);
  }

  all(): Iterable<TrackedProcess> {
    return this.processes.values();
  }

  /** Those that are `watched` are known to live or to have ended. Throws where there is no folder of processes. */
  async scan(watched: Iterable<number>): Promise<void> {
    const breather = new Breather(this.clock);
    const isFirst = this.processes.size === 0;
    const tried = this.numbersSince();
    const pids = tried ?? readdirSync(this.procRoot).map(Number).filter(Number.isInteger);
    await breather.pause();
    if (tried === null) this.forgetMissing(pids);
    for (const pid of pids) {
      // A number that was just given is that of a new process, also where an old one had it.
      if (tried !== null || !this.processes.has(pid)) this.meet(pid);
      await breather.pause();
    }
    if (isFirst) this.dateBack();
    for (const pid of watched) this.confirm(pid);
    await this.lookAtYoung(breather);
    await this.sweepOver(breather);
  }

  /** The numbers that were given since the scan before; `null` where all have to be listed. */
  private numbersSince(): readonly number[] | null {
    const before = this.lastPid;
    this.lastPid = this.readLastPid();
    const count = before === null || this.lastPid === null ? -1 : this.lastPid - before;
    const nowMs = this.clock.monotonicMs();
    if (before !== null && count >= 0 && count <= TRIED_MAX && nowMs - this.listedMs < LIST_MS) {
      return Array.from({ length: count }, (_, index) => before + 1 + index);
    }
    this.listedMs = nowMs;
    return null;
  }

  /** It is that of this process's own PID namespace, and says nothing of a `/proc` of another one. */
  private readLastPid(): number | null {
    try {
      if (readlinkSync(join(this.procRoot, 'self')) !== String(process.pid)) return null;
      return kernelNumber(tryReadKernelFile(join(this.procRoot, 'loadavg'))?.trim().split(' ').at(-1));
    } catch {
      return null;
    }
  }

  private forgetMissing(pids: readonly number[]): void {
    const alive = new Set(pids);
    for (const pid of this.processes.keys()) if (!alive.has(pid)) this.forget(pid);
  }

  private forget(pid: number): void {
    const process = this.processes.get(pid);
    if (this.processes.delete(pid) && process?.isKernelThread === false) this.generation++;
  }

  private confirm(pid: number): void {
    const now = this.files.process(pid);
    const known = this.processes.get(pid);
    if (now !== undefined && now.startTicks === known?.startTicks) return;
    this.forget(pid);
    if (now !== undefined) this.meet(pid);
  }

  /** The first sight: the family only. */
  private meet(pid: number): void {
    const process = this.processes.size < PROCESSES_MAX ? this.readStat(pid) : undefined;
    if (process === undefined || this.processes.get(pid)?.startTicks === process.startTicks) return;
    this.keep(process);
    if (!process.isKernelThread) this.young.push({ pid, seenMs: this.clock.monotonicMs(), looks: 0 });
  }

  /** What was there before the hive is looked at at once, and seldom again if it has long run. */
  private dateBack(): void {
    const newest = Math.max(...[...this.processes.values()].map(({ startTicks }) => startTicks), 0);
    this.young = this.young.map((each) => {
      const ageMs = ((newest - (this.processes.get(each.pid)?.startTicks ?? newest)) * 1000) / TICKS_PER_SECOND;
      return { ...each, seenMs: each.seenMs - Math.max(ageMs, LOOKS_MS[0] ?? 0) };
    });
  }

  private async lookAtYoung(breather: Breather): Promise<void> {
    const startMs = this.clock.monotonicMs();
    const waiting: Young[] = [];
    for (const each of this.young) {
      if (!this.processes.has(each.pid)) continue;
      const nowMs = this.clock.monotonicMs();
      const isDue = nowMs - each.seenMs >= (LOOKS_MS[each.looks] ?? Infinity) && nowMs - startMs < COMMANDS_MS;
      if (isDue) await this.look(each.pid, true);
      if (!isDue) waiting.push(each);
      else {
        const looks = LOOKS_MS.filter((ms) => ms <= nowMs - each.seenMs).length;
        if (looks < LOOKS_MS.length) waiting.push({ ...each, looks });
      }
      if (isDue) await breather.pause();
    }
    this.young = waiting;
  }

  private async sweepOver(breather: Breather): Promise<void> {
    const nowMs = this.clock.monotonicMs();
    const share = Math.min(1, (nowMs - this.sweptMs) / SWEEP_MS);
    this.sweptMs = nowMs;
    for (let left = Math.ceil(this.processes.size * share); left > 0; left--) {
      if (this.sweep.length === 0) this.sweep = [...this.processes.keys()];
      const pid = this.sweep.pop();
      if (pid !== undefined && this.processes.has(pid)) await this.look(pid, false);
      await breather.pause();
    }
  }

  /** Reads the command line only where `always`, or where it may be another one than before. */
  private async look(pid: number, always: boolean): Promise<void> {
    const before = this.processes.get(pid);
    const process = this.readStat(pid);
    if (process === undefined) {
      this.forget(pid);
      return;
    }
    const isAsBefore = before?.image === process.image && before.startTicks === process.startTicks;
    if (process.isKernelThread || (isAsBefore && !always)) {
      this.keep(process);
      return;
    }
    const words = await this.commandLines.words(pid);
    this.keep(withCommand(process, words, () => this.cwd(pid)));
  }

  private keep(process: TrackedProcess): void {
    const before = this.processes.get(process.pid);
    const isNews = before === undefined ? !process.isKernelThread : !isUnchanged(before, process);
    if (isNews) this.generation++;
    this.processes.set(process.pid, process);
  }

  private readStat(pid: number): TrackedProcess | undefined {
    const stat = parseProcessStat(tryReadKernelFile(join(this.procRoot, String(pid), 'stat')) ?? '');
    return stat === null || stat.isThread ? undefined : trackedFrom(pid, stat, this.processes.get(pid));
  }

  private cwd(pid: number): string | null {
    try {
      return readlinkSync(join(this.procRoot, String(pid), 'cwd'));
    } catch {
      return null;
    }
  }
}
