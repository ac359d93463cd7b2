import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/** A service that does not end by itself after a signal is killed after this time, in ms. */
const STOP_MS = 1_800;

/** A queen or hive as a child process of the command. */
export class Service {
  private readonly child: ChildProcess;
  private readonly exit: Promise<unknown>;
  private stdout = '';

  constructor(
    private readonly name: 'queen' | 'hive',
    env: Readonly<Record<string, string>> = {},
  ) {
    const main = fileURLToPath(new URL(`../../${name}/src/main.js`, import.meta.url));
    this.child = spawn(process.execPath, [main], {
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    this.exit = once(this.child, 'exit');
    this.child.stdout?.setEncoding('utf8').on('data', (text: string) => (this.stdout += text));
  }

  /** `null` while it runs. */
  get exitCode(): number | null {
    return this.child.exitCode ?? (this.child.signalCode === null ? null : 1);
  }

  /** Where it listens, once it does. Throws when it ends before, or when `patienceMs` are over. */
  async listening(patienceMs: number): Promise<string> {
    const endMs = performance.now() + patienceMs;
    const output = this.child.stdout;
    while (performance.now() < endMs) {
      const url = /listening on (\S+)/.exec(this.stdout)?.[1];
      if (url !== undefined) return url;
      if (this.exitCode !== null) throw await this.ended();
      await Promise.race([this.exit, output && once(output, 'data', { signal: AbortSignal.timeout(patienceMs) })]);
    }
    throw new Error(`the ${this.name} does not listen after ${patienceMs / 1000} s`);
  }

  /** The error that says that it ended, once it has. */
  async ended(): Promise<Error> {
    await this.exit;
    return new Error(`the ${this.name} ended (${this.child.signalCode ?? `exit code ${String(this.exitCode)}`})`);
  }

  /** Ends it; resolves when it is gone. */
  async stop(): Promise<void> {
    this.child.kill('SIGTERM');
    const timer = setTimeout(() => this.child.kill('SIGKILL'), STOP_MS);
    if (this.exitCode === null) await this.exit;
    clearTimeout(timer);
  }
}
