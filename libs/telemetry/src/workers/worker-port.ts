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

interface Found {
  readonly socket: ListeningSocket;
  /** The open file that it was found by; undefined where the files may not be looked at. */
  readonly file: string | undefined;
}

/**
 * The socket that a worker's main process serves on: looked for while it is unknown, and seldom after that. A port
 * counts only if it is the worker's own; where its open files may not be looked at, what listens on the port that is
 * expected of it is taken for its own.
 */
export class WorkerPort {
  private socket: ListeningSocket | undefined;
  private file: string | undefined;
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
    if (!(await this.isStillThere(seeker.main))) await this.find(seeker);
    this.dueMs = this.socket === undefined ? this.nextSearchMs(nowMs) : nowMs + VERIFY_MS;
  }

  /** The seldom searches of all workers fall together, so that one table serves them all. */
  private nextSearchMs(nowMs: number): number {
    return nowMs - this.sinceMs < LONG_MS ? nowMs + SEARCH_MS : Math.ceil((nowMs + 1) / SELDOM_MS) * SELDOM_MS;
  }

  private async isStillThere(main: number): Promise<boolean> {
    const { socket, file } = this;
    if (socket === undefined) return false;
    if (file !== undefined) return this.sockets.stillHolds(file, socket.inode);
    return (await this.sockets.around(main, this.sinceMs)).some(({ inode }) => inode === socket.inode);
  }

  private async find(seeker: PortSeeker): Promise<void> {
    const around = await this.sockets.around(seeker.main, this.sinceMs);
    const found = around.length === 0 ? undefined : await this.findOwn(seeker, around);
    this.socket = found?.socket;
    this.file = found?.file;
    this.isHere = found !== undefined && (await this.isOfThisNamespace(found.socket));
  }

  private async findOwn(seeker: PortSeeker, around: readonly ListeningSocket[]): Promise<Found | undefined> {
    const { main, pids, told, byDefault } = seeker;
    const expected = told ?? byDefault;
    const candidate = around.find(({ port }) => port === expected);
    // Most searches are for one known port, and end here while nothing listens there.
    if (told !== null && candidate === undefined) return undefined;
    const { sockets, files, areFilesReadable } = await this.sockets.of(pids, around);
    if (!areFilesReadable) return candidate && { socket: candidate, file: undefined };
    // Its helpers listen too, for each other: only the main process serves where nobody said.
    const socket =
      sockets.find(({ port }) => port === expected) ??
      (told === null ? lowest((await this.sockets.of([main], around)).sockets) : undefined);
    return socket && { socket, file: files.get(socket.inode) };
  }

  /** An inode names a socket on the whole machine: it is in this hive's own table or in another namespace. */
  private async isOfThisNamespace({ inode }: ListeningSocket): Promise<boolean> {
    return (await this.sockets.around('self', this.sinceMs)).some((socket) => socket.inode === inode);
  }
}

function lowest(sockets: readonly ListeningSocket[]): ListeningSocket | undefined {
  return [...sockets].sort((a, b) => a.port - b.port)[0];
}
