import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { eventually } from './eventually.js';
import { TempTree } from './temp-tree.js';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

/** How a process ended. */
export interface ProcessEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly tookMs: number;
}

/** Where a process comes from and what it runs under. */
export interface ServiceSurroundings {
  /** The folder whose `dist/` is run. */
  readonly root?: string;
  /** A command that replaces itself with the one that it is given, such as `ip netns exec NAME`: the pid stays. */
  readonly under?: readonly string[];
}

/** A queen or hive as its own process, started from the build. */
export class ServiceProcess implements AsyncDisposable {
  stdout = '';
  stderr = '';
  private readonly child: ChildProcess;
  private readonly exited: Promise<unknown>;
  /** No test finds what another one left, and none touches the state of whoever runs it. */
  private readonly state = new TempTree();

  /** `args` and `env` are added to an environment that knows no setting of Apiary. */
  constructor(
    readonly service: 'queen' | 'hive',
    args: readonly string[],
    env: Readonly<Record<string, string>> = {},
    { root = ROOT, under = [] }: ServiceSurroundings = {},
  ) {
    const main = `${root}/dist/apps/${service}/src/main.js`;
    if (!existsSync(main)) throw new Error(`${main} is missing: run "npm run build" first`);
    const inherited = { PATH: process.env['PATH'], HOME: process.env['HOME'], XDG_STATE_HOME: this.state.root };
    const [program = process.execPath, ...words] = [...under, process.execPath, main, ...args];
    this.child = spawn(program, words, { cwd: root, env: { ...inherited, ...env } });
    this.child.stdout?.setEncoding('utf8').on('data', (text: string) => (this.stdout += text));
    this.child.stderr?.setEncoding('utf8').on('data', (text: string) => (this.stderr += text));
    this.exited = once(this.child, 'close');
  }

  get pid(): number {
    return this.child.pid ?? -1;
  }

  /** Where it listens, once it does. */
  async url(): Promise<string> {
    return eventually(`${this.service} listens; it said: ${this.stderr}`, () => {
      if (this.child.exitCode !== null) throw new Error(`it ended with ${this.child.exitCode}: ${this.stderr}`);
      return /listening on (\S+)/.exec(this.stdout)?.[1];
    });
  }

  kill(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  /** Whether it runs, or stands still but could go on. */
  get alive(): boolean {
    return this.child.exitCode === null && this.child.signalCode === null;
  }

  /** Stops it in its tracks: its sockets stay open and the kernel goes on acknowledging for it. */
  freeze(): void {
    this.kill('SIGSTOP');
  }

  thaw(): void {
    this.kill('SIGCONT');
  }

  /** Waits for the end; `signal` brings it about. */
  async end(signal?: NodeJS.Signals): Promise<ProcessEnd> {
    const startedMs = performance.now();
    if (signal !== undefined) this.kill(signal);
    await this.exited;
    const { exitCode: code, signalCode } = this.child;
    return { code, signal: signalCode, tookMs: performance.now() - startedMs };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.kill('SIGKILL');
    await this.exited;
    this.state[Symbol.dispose]();
  }
}
