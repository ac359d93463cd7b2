import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const FOLDER = fileURLToPath(new URL('../bin/', import.meta.url));

/** What a fake engine answers on one path; `hangs` takes the request and never answers it. */
export interface FakeEngineResponse {
  /** 200 where left out. */
  readonly status?: number;
  /** JSON where left out. */
  readonly type?: string;
  /** `{counts:90}` stands for a counter that grows by 90 a second. */
  readonly body?: string;
  readonly hangs?: boolean;
}

/** How a fake engine looks and what it answers. */
export interface FakeEngineOptions {
  /** The words of its command line; `{port}` stands for the port that it listens on. */
  readonly command: readonly string[];
  /** Its child processes by their command lines; one that renames itself, such as `VLLM::EngineCore`, has one word. */
  readonly children?: readonly (readonly string[])[];
  /** By path, without the query; all others are 404. */
  readonly responses?: Readonly<Record<string, FakeEngineResponse>>;
  /** A free one where left out; `null` listens on none. */
  readonly port?: number | null;
  /** 127.0.0.1 where left out. */
  readonly host?: string;
}

interface Ready {
  readonly port: number | null;
  readonly pids: readonly number[];
}

/**
 * A real process tree that looks like an inference server to whoever reads `/proc`: command lines, names and a port on
 * which it answers HTTP. All of it ends with this process.
 */
export class FakeEngine implements AsyncDisposable {
  /** Every URL that it was asked for, in order. */
  readonly asked: string[] = [];

  private constructor(
    private readonly child: ChildProcess,
    /** 0 where it listens on none. */
    readonly port: number,
    /** Its own and its children's, in the order of their start. */
    readonly pids: readonly number[],
  ) {
    child.on('message', (message: { asked?: string }) => {
      if (message.asked !== undefined) this.asked.push(message.asked);
    });
  }

  /** Resolves once its command lines are as they should be and it listens. */
  static async start({ command, children = [], responses, port, host }: FakeEngineOptions): Promise<FakeEngine> {
    const settings = {
      command,
      children,
      responses,
      listens: port !== null,
      port: port ?? 0,
      host: host ?? '127.0.0.1',
    };
    const room = command.join('-').replaceAll('{port}', '65535');
    const child = spawn(process.execPath, ['./fake-engine.mjs', room], {
      cwd: FOLDER,
      argv0: 'x',
      env: { PATH: process.env['PATH'], FAKE_ENGINE: JSON.stringify(settings) },
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    const ended = once(child, 'exit').then(() => {
      throw new Error('the fake engine ended before it listened');
    });
    const [ready] = (await Promise.race([once(child, 'message'), ended])) as [Ready];
    return new FakeEngine(child, ready.port ?? 0, [child.pid ?? -1, ...ready.pids]);
  }

  get pid(): number {
    return this.child.pid ?? -1;
  }

  /** Answers otherwise from now on. */
  answer(path: string, response: FakeEngineResponse): void {
    this.child.send({ path, response });
  }

  kill(signal: NodeJS.Signals = 'SIGKILL'): void {
    this.child.kill(signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const ended = once(this.child, 'exit');
    this.kill();
    await ended;
  }
}
