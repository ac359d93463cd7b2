import { opendirSync, readlinkSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';

import type { Clock } from '#service-kit';

import { tryList, tryReadKernelFile } from '../kernel-files.js';

/** How long the search may hold the event loop at a time. */
const SLICE_MS = 2;
/** A slice is spent this often, … */
const STEP_EVERY_MS = 2000;
/** … and where a round takes less than this the rest of it is a rest. */
const ROUND_EVERY_MS = 10_000;
/** The first round is to be over at once, unless there are many thousands of processes. */
const FIRST_SLICES_MAX = 250;
const PROCESSES_PER_SLICE_MAX = 1024;
/** The youngest processes are looked at in every step: what opens a card has mostly just started. */
const YOUNGEST = 8;
/** Of one process; a card is among the first files that a program opens. */
const FDS_MAX = 1024;

const DEVICE_FILE = /\/dri\/((?:card|renderD)\d+)$/;

/**
 * Finds the processes that have a graphics card open, a part of `/proc` at a time: the links of all open files of all
 * processes are far too much for every second.
 */
export class DrmFdSweep {
  private hostPids = false;
  private steppedAtMs = -Infinity;
  private roundBegunAtMs = -Infinity;
  /** The last process that was looked at in this round; 0 before the first. */
  private cursor = 0;
  private denied = 0;
  private deniedInRound: number | undefined;

  /** `onLook` is told the open device files of each process that could be looked at, by file descriptor. */
  constructor(
    private readonly procRoot: string,
    private readonly clock: Clock,
    private readonly onLook: (pid: number, nodes: ReadonlyMap<number, string>) => void,
  ) {}

  /** Whether every process of the machine could be looked at; false before the first round is over. */
  get seesAll(): boolean {
    return this.deniedInRound === 0 && this.hostPids;
  }

  /** Whether all have been looked at once. */
  get isRoundDone(): boolean {
    return this.deniedInRound !== undefined;
  }

  /** Whether the pids in `/proc` are the machine's own, not those of a container. */
  get hasHostPids(): boolean {
    return this.hostPids;
  }

  /** Looks at the next processes, if it is time to. */
  async step(): Promise<void> {
    const nowMs = this.clock.monotonicMs();
    if (nowMs - this.steppedAtMs < STEP_EVERY_MS) return;
    this.steppedAtMs = nowMs;
    // In the machine's own PID namespace number 2 is the kernel's father of threads, and nobody else can have that name.
    this.hostPids = tryReadKernelFile(`${this.procRoot}/2/comm`) === 'kthreadd\n';
    const pids = tryList(this.procRoot)
      .map(Number)
      .filter((pid) => pid > 0)
      .sort((a, b) => a - b);
    await setImmediate();
    for (const pid of pids.slice(-YOUNGEST)) this.look(pid);
    await setImmediate();
    await this.goOn(pids, nowMs);
  }

  private async goOn(pids: readonly number[], nowMs: number): Promise<void> {
    if (this.cursor === 0) {
      if (nowMs - this.roundBegunAtMs < ROUND_EVERY_MS) return;
      this.roundBegunAtMs = nowMs;
    }
    const slices = this.isRoundDone ? 1 : FIRST_SLICES_MAX;
    for (let slice = 0; slice < slices && !this.slice(pids); slice += 1) await setImmediate();
  }

  /** True at the end of a round. */
  private slice(pids: readonly number[]): boolean {
    const endMs = this.clock.monotonicMs() + SLICE_MS;
    const next = pids.findIndex((pid) => pid > this.cursor);
    for (const pid of next === -1 ? [] : pids.slice(next, next + PROCESSES_PER_SLICE_MAX)) {
      if (this.look(pid) === 'denied') this.denied += 1;
      this.cursor = pid;
      if (this.clock.monotonicMs() >= endMs) return false;
    }
    if (this.cursor < (pids.at(-1) ?? 0)) return false;
    this.deniedInRound = this.denied;
    this.cursor = this.denied = 0;
    return true;
  }

  private look(pid: number): 'denied' | 'seen' | 'gone' {
    const folder = `${this.procRoot}/${pid}/fd`;
    try {
      this.onLook(pid, deviceFiles(folder));
      return 'seen';
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      return code === 'EACCES' || code === 'EPERM' ? 'denied' : 'gone';
    }
  }
}

function deviceFiles(folder: string): ReadonlyMap<number, string> {
  const found = new Map<number, string>();
  const entries = opendirSync(folder, { bufferSize: 64 });
  try {
    for (let count = 0; count < FDS_MAX; count += 1) {
      const name = entries.readSync()?.name;
      if (name === undefined) break;
      const node = DEVICE_FILE.exec(target(`${folder}/${name}`))?.[1];
      if (node !== undefined) found.set(Number(name), node);
    }
  } finally {
    entries.closeSync();
  }
  return found;
}

/** A file that was closed meanwhile has none. */
function target(link: string): string {
  try {
    return readlinkSync(link);
  } catch {
    return '';
  }
}
