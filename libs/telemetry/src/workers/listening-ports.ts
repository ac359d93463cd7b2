import { readFile, readlink } from 'node:fs/promises';
import { join } from 'node:path';

import type { Clock } from '#service-kit';

/** The kernel walks all of its connections for one table, which takes ms where it has room for many. */
const READ_AGAIN_MS = 5000;

interface Table {
  readonly atMs: number;
  readonly ports: Promise<ReadonlySet<number>>;
}

/** The TCP ports on which something listens. One reading serves all workers of a network namespace for 5 s. */
export class ListeningPorts {
  private readonly tables = new Map<string, Table>();

  constructor(
    private readonly procRoot: string,
    private readonly clock: Clock,
  ) {}

  /**
   * Whether anything listens on the port in the network namespace of the process. `sinceMs`, by the monotonic clock:
   * an older table says nothing about it.
   */
  async has(pid: number, port: number, sinceMs: number): Promise<boolean> {
    const folder = join(this.procRoot, String(pid));
    const namespace = await readlink(join(folder, 'ns/net')).catch(() => folder);
    this.dropOld();
    let table = this.tables.get(namespace);
    if (table === undefined || table.atMs < sinceMs) {
      table = { atMs: this.clock.monotonicMs(), ports: readPorts(folder) };
      this.tables.set(namespace, table);
    }
    return (await table.ports).has(port);
  }

  private dropOld(): void {
    const oldMs = this.clock.monotonicMs() - READ_AGAIN_MS;
    for (const [namespace, { atMs }] of this.tables) if (atMs <= oldMs) this.tables.delete(namespace);
  }
}

/** The listening ports in a text of `/proc/{pid}/net/tcp` or `tcp6`, on any address. */
export function parseListeningPorts(table: string): number[] {
  const listening = table.matchAll(/^ *\d+: [0-9A-F]+:([0-9A-F]{4}) [0-9A-F]+:0000 0A /gm);
  return [...listening].map(([, port = '']) => parseInt(port, 16));
}

async function readPorts(folder: string): Promise<ReadonlySet<number>> {
  const read = (name: string): Promise<string> => readFile(join(folder, 'net', name), 'utf8').catch(() => '');
  const tables = await Promise.all([read('tcp'), read('tcp6')]);
  return new Set(tables.flatMap(parseListeningPorts));
}
