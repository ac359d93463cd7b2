import { closeSync, openSync, read } from 'node:fs';
import { join } from 'node:path';

import { parseCommandLine } from './command-line.js';

/** Of one command line. A longer one is cut: the flags that matter stand at its front. */
const COMMAND_LINE_BYTES_MAX = 64 * 1024;
/** How many readings that never come back may be left behind: each keeps one of Node's few threads for files. */
const STUCK_MAX = 2;
/** How long one command line is waited for, in ms. */
const WAIT_MS = 200;

/**
 * Reads command lines, one after the other. The kernel takes the process's memory lock for one, and a process that
 * hangs in a driver may never give it back: that reading is left behind, and with two of them no more are begun until
 * one returns.
 */
export class CommandLineReader {
  private readonly stuck = new Set<number>();
  private last: Promise<unknown> = Promise.resolve();
  private spare: Buffer | undefined;

  constructor(private readonly procRoot: string) {}

  /** The words; `null` where they can't be read or do not come in time. Never rejects. */
  words(pid: number): Promise<readonly string[] | null> {
    const words = this.last.then(() => this.read(pid));
    this.last = words;
    return words;
  }

  private async read(pid: number): Promise<readonly string[] | null> {
    if (this.stuck.size >= STUCK_MAX || this.stuck.has(pid)) return null;
    this.stuck.add(pid);
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<null>((resolve) => (timer = setTimeout(() => resolve(null), WAIT_MS)));
    const text = await Promise.race([this.text(pid).finally(() => this.stuck.delete(pid)), late]);
    clearTimeout(timer);
    return text === null ? null : parseCommandLine(text);
  }

  /** Only the reading itself can block: opening takes no lock, and the detour over a thread costs more than it does. */
  private text(pid: number): Promise<string | null> {
    const buffer = this.spare ?? Buffer.alloc(COMMAND_LINE_BYTES_MAX);
    this.spare = undefined;
    return new Promise((resolve) => {
      try {
        const file = openSync(join(this.procRoot, String(pid), 'cmdline'), 'r');
        read(file, buffer, 0, COMMAND_LINE_BYTES_MAX, null, (error, length) => {
          closeSync(file);
          resolve(error === null ? buffer.toString('utf8', 0, length) : null);
          this.spare = buffer;
        });
      } catch {
        this.spare = buffer;
        resolve(null);
      }
    });
  }
}
