import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { setTimeout as sleep } from 'node:timers/promises';

import { NVIDIA_SMI_PROGRAM } from './nvidia-smi-program.js';
import { processGroupLives } from './process-group.js';

/** The hive shares its machine: heap for the text and the tree of the largest answer, and a young space of 1 MiB. */
const NODE_FLAGS = ['--max-old-space-size=64', '--max-semi-space-size=1', '--input-type=commonjs'];
/** How often a killed process group is looked at until it is gone. */
const GONE_POLL_MS = 250;

/**
 * The fence around nvidia-smi: one child process, in a process group of its own, that runs it through the package
 * `node-nvidia-smi`. A driver that hangs holds that group up and nothing else. While one process of a killed group
 * still lives, no other is started: each would hang in the driver beside it.
 */
export class NvidiaSmiHelper implements Disposable {
  private child: ChildProcess | undefined;
  /** The group that was killed last. */
  private killedGroup: number | undefined;

  /**
   * What `executable -q -x` says, as the package parses it. One call at a time. Rejects with the words of nvidia-smi
   * where it failed; when `signal` fires, everything that was started is killed.
   */
  async query(executable: string, signal: AbortSignal): Promise<unknown> {
    await this.untilGone(signal);
    signal.throwIfAborted();
    this.child ??= this.start();
    const child = this.child;
    const onAbort = (): void => this.kill(child);
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      return await ask(child, executable, signal);
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }

  [Symbol.dispose](): void {
    if (this.child !== undefined) this.kill(this.child);
  }

  private start(): ChildProcess {
    const packagePath = createRequire(import.meta.url).resolve('node-nvidia-smi');
    const child = spawn(process.execPath, [...NODE_FLAGS, '--eval', NVIDIA_SMI_PROGRAM, packagePath], {
      detached: true,
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    });
    // Without its own end, what it ran may still live.
    child.once('exit', () => this.kill(child));
    child.on('error', () => this.kill(child));
    return child;
  }

  private kill(child: ChildProcess): void {
    if (this.child !== child) return;
    this.child = undefined;
    this.killedGroup = child.pid;
    if (child.pid === undefined) return;
    try {
      process.kill(-child.pid, 'SIGKILL');
    } catch {
      // The group is gone already.
    }
  }

  private async untilGone(signal: AbortSignal): Promise<void> {
    const group = this.killedGroup;
    try {
      while (group !== undefined && processGroupLives(group)) await sleep(GONE_POLL_MS, undefined, { signal });
    } catch (cause) {
      throw new Error(`wedged: nvidia-smi (process group ${String(group)}) does not end after SIGKILL`, { cause });
    }
    this.killedGroup = undefined;
  }
}

async function ask(child: ChildProcess, executable: string, signal: AbortSignal): Promise<unknown> {
  const answered = new AbortController();
  const options = { signal: AbortSignal.any([signal, answered.signal]) };
  try {
    child.send(executable);
    return await Promise.race([
      once(child, 'message', options).then(([answer]: unknown[]) => logOf(answer)),
      once(child, 'exit', options).then(([code, killedBy]: unknown[]) => {
        throw new Error(`the helper of nvidia-smi ended (${String(code ?? killedBy)})`);
      }),
    ]);
  } finally {
    answered.abort();
  }
}

function logOf(answer: unknown): unknown {
  if (typeof answer === 'object' && answer !== null && 'log' in answer) return answer.log;
  const error = typeof answer === 'object' && answer !== null && 'error' in answer ? answer.error : answer;
  throw new Error(String(error));
}
