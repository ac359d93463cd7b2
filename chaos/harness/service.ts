import type { HiveView } from '#contracts';
import { eventually, ServiceProcess, TempTree } from '#testing';

import { freePort } from './free-port.js';

/** How a service is started. */
export interface ServiceOptions {
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly under?: readonly string[];
  readonly port?: number;
}

/** A queen or a hive that dies and comes back: one process after another, as one service on one port. */
export class Service implements AsyncDisposable {
  private current: ServiceProcess | undefined;

  protected constructor(
    readonly kind: 'queen' | 'hive',
    private readonly args: readonly string[],
    private readonly options: ServiceOptions,
    private port: number,
  ) {}

  /** What its processes said so far. */
  stderr = '';

  get process(): ServiceProcess {
    if (this.current === undefined) throw new Error(`this ${this.kind} does not run`);
    return this.current;
  }

  get pid(): number {
    return this.process.pid;
  }

  get running(): boolean {
    return this.current?.alive === true;
  }

  /** Where it listens as seen from its own machine. */
  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Starts it; resolves to the moment at which it said that it listens. */
  async start(port = this.port): Promise<number> {
    this.port = port;
    const { env = {}, under = [] } = this.options;
    this.current = new ServiceProcess(this.kind, [...this.args, '--port', String(port)], env, { under });
    await this.current.url();
    return performance.now();
  }

  /** Kills it; resolves to the moment before. */
  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<number> {
    const atMs = performance.now();
    const { process } = this;
    await process.end(signal);
    await process[Symbol.asyncDispose]();
    this.stderr += process.stderr;
    this.current = undefined;
    return atMs;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.current?.[Symbol.asyncDispose]();
  }
}

/** A queen with a state folder of its own, which outlives its processes. */
export class QueenService extends Service {
  private constructor(
    options: ServiceOptions,
    port: number,
    private readonly state: TempTree,
  ) {
    const args = ['--ssh-config', '/nonexistent', ...(options.args ?? [])];
    super('queen', args, { ...options, env: { QUEEN_STATE_DIR: state.root, ...options.env } }, port);
  }

  static async create(options: ServiceOptions = {}): Promise<QueenService> {
    return new QueenService(options, options.port ?? (await freePort()), new TempTree());
  }

  /** A queen that listens already. */
  static async start(options: ServiceOptions = {}): Promise<QueenService> {
    const queen = await QueenService.create(options);
    await queen.start();
    return queen;
  }

  /** Takes the memory away from the queen that comes next. */
  loseMemory(): void {
    this.state.remove('queen-state.json');
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    await super[Symbol.asyncDispose]();
    this.state[Symbol.dispose]();
  }
}

/** A hive with a fixed id. */
export class HiveService extends Service {
  private constructor(
    readonly hiveId: string,
    args: readonly string[],
    options: ServiceOptions,
    port: number,
  ) {
    super('hive', args, options, port);
  }

  static async create(hiveId: string, queenUrl: string, options: ServiceOptions = {}): Promise<HiveService> {
    const args = ['--id', hiveId, '--queen-url', queenUrl, ...(options.args ?? [])];
    return new HiveService(hiveId, args, options, options.port ?? (await freePort()));
  }

  /** A hive that listens already. */
  static async start(hiveId: string, queenUrl: string, options: ServiceOptions = {}): Promise<HiveService> {
    const hive = await HiveService.create(hiveId, queenUrl, options);
    await hive.start();
    return hive;
  }

  /** Lets it come back elsewhere. */
  async startElsewhere(): Promise<number> {
    return this.start(await freePort());
  }
}

/** Every hive as the queen shows it. */
export async function hivesOf(queenUrl: string): Promise<readonly HiveView[]> {
  const response = await fetch(`${queenUrl}/v1/hives`);
  return ((await response.json()) as { hives: readonly HiveView[] }).hives;
}

/** One hive as the queen shows it; fails if it does not know it. */
export async function hiveOf(queenUrl: string, hiveId: string): Promise<HiveView> {
  const response = await fetch(`${queenUrl}/v1/hives/${hiveId}`);
  if (!response.ok) throw new Error(`GET /v1/hives/${hiveId} answered ${response.status}`);
  return (await response.json()) as HiveView;
}

/** Waits until the queen shows each of these hives as connected and healthy. */
export async function untilHealthy(queenUrl: string, hiveIds: readonly string[], deadlineMs?: number): Promise<void> {
  const healthy = async (): Promise<boolean> => {
    const views = new Map((await hivesOf(queenUrl)).map((view) => [view.hive_id, view]));
    return hiveIds.every((id) => views.get(id)?.health === 'healthy');
  };
  await eventually(`${hiveIds.length} hives are healthy`, healthy, deadlineMs);
}

/** What a queen answered to a callback. */
export interface CallbackReply {
  readonly status: number;
  readonly retryAfter: string | null;
  readonly body: Readonly<Record<string, unknown>>;
}

/** Sends one callback. */
export async function announce(queenUrl: string, body: object): Promise<CallbackReply> {
  const response = await fetch(`${queenUrl}/v1/hive/ready`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(body),
  });
  const reply = (await response.json()) as Readonly<Record<string, unknown>>;
  return { status: response.status, retryAfter: response.headers.get('retry-after'), body: reply };
}
