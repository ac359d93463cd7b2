import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createRequire } from 'node:module';

import { NVIDIA_SMI_PROGRAM } from './nvidia-smi-program.js';
import { signalGroup, untilGroupGone } from './process-group.js';

/** The hive shares its machine: heap for the text and the tree of the largest answer, and a young space of 1 MiB. */
const NODE_FLAGS = ['--max-old-space-size=64', '--max-semi-space-size=1', '--input-type=commonjs'];

/**
 * The fence around nvidia-smi: one child process, in a process group of its own, that runs it through the package
 * `node-nvidia-smi`. A driver that hangs holds that group up and nothing else. While one process of a killed group
 * still lives, no other is started: each would hang in the driver beside it.
 */
export class NvidiaSmiHelper implements Disposable {
  private child: ChildProcess | undefined;
  /** The group that was killed last. */
  private killedGroup: number | undefined;

  /** Resolves once the processes that were killed have ended; rejects when `signal` fires and they have not. */
  async gone(signal: AbortSignal): Promise<void> {
    if (this.killedGroup !== undefined) await untilGroupGone(this.killedGroup, signal);
    this.killedGroup = undefined;
  }

  /**
   * What `executable -q -x` says, as the package parses it. One call at a time. Rejects with the words of nvidia-smi
   * where it failed; when `signal` fires, everything that was started is killed.
   */
  async query(executable: string, signal: AbortSignal): Promise<unknown> {
    await this.gone(signal);
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

  /** Ends the helper; a later query starts another. */
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
    signalGroup(child.pid, 'SIGKILL');
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
