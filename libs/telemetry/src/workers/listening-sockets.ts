import { readdirSync, readlinkSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import type { Clock } from '#service-kit';

import { Breather } from './breather.js';

/** The kernel walks all of its connections for one table, which takes ms where it has room for many. */
const READ_AGAIN_MS = 5000;
/** How many open files of one process, and of how many processes of one worker, are looked through. */
const FILES_MAX = 4096;
const PROCESSES_MAX = 64;

/** Where a socket can be reached from the machine itself: by which loopback address, if by any. */
export type Loopback = '127.0.0.1' | '[::1]' | null;

/** A TCP socket that something listens on. */
export interface ListeningSocket {
  /** Names it on the whole machine, whatever the network namespace. */
  readonly inode: number;
  readonly port: number;
  readonly loopback: Loopback;
}

/** The sockets of one worker, the main process's first. */
export interface OwnSockets {
  readonly sockets: readonly ListeningSocket[];
  /** Whether the open files of any of its processes may be looked at: without that, nothing is known to be its own. */
  readonly areFilesReadable: boolean;
}

interface Table {
  readonly atMs: number;
  readonly sockets: Promise<readonly ListeningSocket[]>;
}

/** What listens where. One reading of the kernel's tables serves all workers of a network namespace for 5 s. */
export class ListeningSockets {
  private readonly tables = new Map<string, Table>();

  constructor(
    private readonly procRoot: string,
    private readonly clock: Clock,
  ) {}

  /** All that listens in the network namespace of the process, by a table that is no older than `sinceMs`. */
  async around(pid: number | 'self', sinceMs: number): Promise<readonly ListeningSocket[]> {
    const folder = join(this.procRoot, String(pid));
    const namespace = tryReadlink(join(folder, 'ns/net')) ?? folder;
    this.dropOld();
    let table = this.tables.get(namespace);
    if (table === undefined || table.atMs < sinceMs) {
      table = { atMs: this.clock.monotonicMs(), sockets: readTables(folder) };
      this.tables.set(namespace, table);
    }
    return table.sockets;
  }

  /** Of `around`, those that one of the processes holds. */
  async of(pids: readonly number[], around: readonly ListeningSocket[]): Promise<OwnSockets> {
    const breather = new Breather(this.clock);
    const byInode = new Map(around.map((socket) => [socket.inode, socket]));
    const own = new Map<number, ListeningSocket>();
    let areFilesReadable = false;
    for (const pid of pids.slice(0, PROCESSES_MAX)) {
      const inodes = this.socketsOf(pid);
      areFilesReadable ||= inodes !== null;
      for (const inode of inodes ?? []) {
        const socket = byInode.get(inode);
        if (socket !== undefined) own.set(inode, socket);
      }
      await breather.pause();
    }
    return { sockets: [...own.values()], areFilesReadable };
  }

  private socketsOf(pid: number): readonly number[] | null {
    const folder = join(this.procRoot, String(pid), 'fd');
    try {
      return readdirSync(folder)
        .slice(0, FILES_MAX)
        .map((name) => /^socket:\[(\d+)\]$/.exec(tryReadlink(join(folder, name)) ?? '')?.[1])
        .filter((inode) => inode !== undefined)
        .map(Number);
    } catch {
      return null;
    }
  }

  private dropOld(): void {
    const oldMs = this.clock.monotonicMs() - READ_AGAIN_MS;
    for (const [namespace, { atMs }] of this.tables) if (atMs <= oldMs) this.tables.delete(namespace);
  }
}

/** The listening sockets in a text of `/proc/{pid}/net/tcp` or `tcp6`. */
export function parseListeningSockets(table: string): ListeningSocket[] {
  const lines = table.matchAll(/^ *\d+: ([0-9A-F]+):([0-9A-F]{4}) [0-9A-F]+:0000 0A \S+ \S+ \S+ +\d+ +\d+ +(\d+)/gm);
  return [...lines].map(([, address = '', port = '', inode]) => ({
    inode: Number(inode),
    port: parseInt(port, 16),
    loopback: LOOPBACKS.get(address) ?? null,
  }));
}

/** Addresses as the kernel writes them on a little-endian machine, in words of 32 bits. */
const LOOPBACKS: ReadonlyMap<string, Loopback> = new Map([
  ['00000000', '127.0.0.1'],
  ['0100007F', '127.0.0.1'],
  ['00000000000000000000000000000000', '[::1]'],
  ['00000000000000000000000001000000', '[::1]'],
  ['0000000000000000FFFF00000100007F', '127.0.0.1'],
]);

async function readTables(folder: string): Promise<readonly ListeningSocket[]> {
  const read = (name: string): Promise<string> => readFile(join(folder, 'net', name), 'utf8').catch(() => '');
  const tables = await Promise.all([read('tcp'), read('tcp6')]);
  return tables.flatMap(parseListeningSockets);
}

function tryReadlink(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}
