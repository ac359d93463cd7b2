import { closeSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';

import { tryReadKernelFile } from '../kernel-files.js';
import type { IoBytes } from './cgroup-files.js';
import type { Process } from './main-process.js';
import { parseProcessIo, parseProcessMemoryBytes } from './process-files.js';
import { parseProcessStat } from './process-stat.js';

/** Most files that stay open. */
const KEPT_MAX = 1024;
/** Longer than any of the files that are kept. */
const FILE_BYTES_MAX = 4096;

interface Kept {
  readonly file: number;
  isUsed: boolean;
}

/**
 * The files of `/proc/{pid}` that are read every second. They stay open: that takes a third of the time, and a file
 * that is open never tells of a later process of the same number.
 */
export class ProcFiles implements Disposable {
  private readonly kept = new Map<string, Kept>();
  private readonly buffer = Buffer.alloc(FILE_BYTES_MAX);

  /** `keptMax` of 0 keeps none. */
  constructor(
    private readonly procRoot: string,
    private readonly keptMax = KEPT_MAX,
  ) {}

  /** Undefined where the process is gone. */
  process(pid: number): Process | undefined {
    const stat = parseProcessStat(this.read(`${pid}/stat`) ?? '');
    return stat === null ? undefined : { pid, ...stat };
  }

  /** `null` where it may not be looked at, or is gone. */
  io(pid: number): IoBytes | null {
    return parseProcessIo(this.read(`${pid}/io`) ?? '');
  }

  /** In bytes; `null` where it may not be looked at, or is gone. Costs more than the others. */
  memory(pid: number): number | null {
    return parseProcessMemoryBytes(tryReadKernelFile(join(this.procRoot, String(pid), 'status')) ?? '');
  }

  /** Closes what nobody has read since the call before. */
  closeUnused(): void {
    for (const [path, kept] of this.kept) {
      if (kept.isUsed) kept.isUsed = false;
      else this.close(path, kept);
    }
  }

  [Symbol.dispose](): void {
    for (const [path, kept] of this.kept) this.close(path, kept);
  }

  private read(path: string): string | undefined {
    const kept = this.kept.get(path);
    // Where its process has ended, another one may have the number by now.
    return (kept && this.readKept(path, kept)) ?? this.open(path);
  }

  private open(path: string): string | undefined {
    if (this.kept.size >= this.keptMax) return tryReadKernelFile(join(this.procRoot, path));
    try {
      const kept = { file: openSync(join(this.procRoot, path), 'r'), isUsed: true };
      this.kept.set(path, kept);
      return this.readKept(path, kept);
    } catch {
      return undefined;
    }
  }

  private readKept(path: string, kept: Kept): string | undefined {
    try {
      kept.isUsed = true;
      return this.buffer.toString('utf8', 0, readSync(kept.file, this.buffer, 0, FILE_BYTES_MAX, 0));
    } catch {
      this.close(path, kept);
      return undefined;
    }
  }

  private close(path: string, { file }: Kept): void {
    this.kept.delete(path);
    closeSync(file);
  }
}
