import type { Clock } from '#service-kit';

import type { ListeningSocket, ListeningSockets } from './listening-sockets.js';

/** How long after a search in vain the next one follows, in ms: at first, and once it has long been in vain. */
const SEARCH_MS = 5000;
const SELDOM_MS = 60_000;
/** How long a worker is taken to be on its way to listen, in ms: the largest models take long to load. */
const LONG_MS = 600_000;
/** How often a port that was found is looked at again, in ms. */
const VERIFY_MS = 60_000;

/** Whose port is looked for. */
export interface PortSeeker {
  readonly main: number;
  /** All of its processes, the main one first. */
  readonly pids: readonly number[];
  /** What its command line says; that one and no other is waited for. */
  readonly told: number | null;
  /** Where its engine listens by default. */
  readonly byDefault: number | null;
}

/**
 * The socket that a worker's main process serves on: looked for while it is unknown, and seldom after that. A port
 * counts only if it is the worker's own; where its open files may not be looked at, what listens on the port that is
 * expected of it is taken for its own.
 */
export class WorkerPort {
  private socket: ListeningSocket | undefined;
  private dueMs: number;
  private isHere = false;

  /** `sinceMs`: what listened before that was somebody else. */
  constructor(
    private readonly sockets: ListeningSockets,
    private readonly clock: Clock,
    private readonly sinceMs: number,
  ) {
    this.dueMs = sinceMs;
  }

  /** `null` while nothing listens. */
  get number(): number | null {
    return this.socket?.port ?? null;
  }

  /** Where this hive itself can reach it; `null` where it can't, as in another network namespace. */
  get origin(): string | null {
    const { socket } = this;
    return socket === undefined || !this.isHere || socket.loopback === null
      ? null
      : `http://${socket.loopback}:${socket.port}`;
  }

  get isDue(): boolean {
    return this.clock.monotonicMs() >= this.dueMs;
  }

  /** Never rejects. */
  async search(seeker: PortSeeker): Promise<void> {
    const nowMs = this.clock.monotonicMs();
    const around = await this.sockets.around(seeker.main, this.sinceMs);
    const { socket } = this;
    const isThere = socket !== undefined && around.some(({ inode }) => inode === socket.inode);
    if (!isThere) this.socket = await this.find(seeker, around);
    if (this.socket !== undefined) this.isHere = await this.isOfThisNamespace(this.socket);
    const againMs = nowMs - this.sinceMs < LONG_MS ? SEARCH_MS : SELDOM_MS;
    this.dueMs = nowMs + (this.socket === undefined ? againMs : VERIFY_MS);
  }

  private async find(seeker: PortSeeker, around: readonly ListeningSocket[]): Promise<ListeningSocket | undefined> {
    const { main, pids, told, byDefault } = seeker;
    if (around.length === 0) return undefined;
    const expected = told ?? byDefault;
    const candidates = around.filter(({ port }) => port === expected);
    // Most searches are for one known port, and end here while nothing listens there.
    if (told !== null && candidates.length === 0) return undefined;
    const own = await this.sockets.of(pids, around);
    if (!own.areFilesReadable) return candidates[0];
    const found = own.sockets.find(({ port }) => port === expected);
    if (found !== undefined || told !== null) return found;
    // Its helpers listen too, for each other: only the main process serves where nobody said.
    const { sockets } = await this.sockets.of([main], around);
    return sockets.reduce<ListeningSocket | undefined>(
      (low, each) => (low && low.port <= each.port ? low : each),
      undefined,
    );
  }

  /** An inode names a socket on the whole machine: it is in this hive's own table or in another namespace. */
  private async isOfThisNamespace({ inode }: ListeningSocket): Promise<boolean> {
    return (await this.sockets.around('self', this.sinceMs)).some((socket) => socket.inode === inode);
  }
}
