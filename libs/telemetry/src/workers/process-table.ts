import { readdirSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';

import type { Clock } from '#service-kit';

import { tryReadKernelFile } from '../kernel-files.js';
import { Breather } from './breather.js';
import type { CommandLineReader } from './command-line-reader.js';
import { parseProcessStat } from './process-stat.js';
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
/** Longest time that one scan looks at command lines, in ms; the rest is the next scan's. */
const COMMANDS_MS = 150;

interface Young {
  readonly pid: number;
  readonly seenMs: number;
  /** How many of the looks it has had. */
  readonly looks: number;
}

/**
 * All processes of this machine, cheaply: a scan lists the folder, looks at what is new or due, and sweeps slowly over
 * the rest. Command lines are read only of processes that live longer than a second.
 */
export class ProcessTable {
  private readonly processes = new Map<number, TrackedProcess>();
  private young: Young[] = [];
  private sweep: number[] = [];
  private sweptMs: number;
  private scans = 0;

  /** Counts up whenever a process comes, goes, or turns out to be something else; the kernel's threads don't count. */
  generation = 0;

  constructor(
    private readonly procRoot: string,
    private readonly commandLines: CommandLineReader,
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

  /** Throws where there is no folder of processes. */
  async scan(): Promise<void> {
    const breather = new Breather(this.clock);
    const pids = readdirSync(this.procRoot).map(Number).filter(Number.isInteger);
    await breather.pause();
    this.forgetEnded(pids);
    for (const pid of pids) {
      if (this.processes.has(pid) || this.processes.size >= PROCESSES_MAX) continue;
      this.meet(pid);
      await breather.pause();
    }
    await this.lookAtYoung(breather);
    await this.sweepOver(breather);
    this.scans++;
  }

  private forgetEnded(pids: readonly number[]): void {
    const alive = new Set(pids);
    for (const [pid, { isKernelThread }] of this.processes) {
      if (alive.has(pid)) continue;
      this.processes.delete(pid);
      if (!isKernelThread) this.generation++;
    }
  }

  /** The first sight: the family only. What was there before the hive is as old as it needs to be. */
  private meet(pid: number): void {
    const process = this.readStat(pid);
    if (process === undefined) return;
    this.keep(process);
    if (process.isKernelThread) return;
    const seenMs = this.clock.monotonicMs() - (this.scans === 0 ? (LOOKS_MS[0] ?? 0) : 0);
    this.young.push({ pid, seenMs, looks: 0 });
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
      else if (each.looks + 1 < LOOKS_MS.length) waiting.push({ ...each, looks: each.looks + 1 });
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
    if (process === undefined) return;
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
    return stat === null ? undefined : trackedFrom(pid, stat, this.processes.get(pid));
  }

  private cwd(pid: number): string | null {
    try {
      return readlinkSync(join(this.procRoot, String(pid), 'cwd'));
    } catch {
      return null;
    }
  }
}
