import { join } from 'node:path';

import { MIB, round } from '../rate.js';
import { busiestPct, type EngineShares, EngineUse } from './engine-use.js';
import { parseFdinfo } from './fdinfo.js';
import type { SensorFiles } from './sensor-files.js';

/** Open device files that are kept in mind; no machine in use comes near. */
const CLIENTS_MAX = 1024;

/** What KFD tells of a process already is read this often only. */
const KFD_CLIENT_EVERY_MS = 10_000;

/** An open device file of a graphics card, in one process. */
interface DrmClient {
  readonly pid: number;
  readonly fd: number;
  readonly pciBusId: string;
  readonly use: EngineUse;
  /** `undefined` before its first reading, as are the others. */
  clientId?: string;
  vramMb: number | null;
  /** `null` before its second reading. */
  shares: EngineShares | null;
  readAtMs: number;
}

/** What a process does with one card. */
export interface DrmUse {
  readonly vramMb: number | null;
  readonly utilPct: number | null;
}

/** Who has which card open, and what for. `DrmFdSweep` finds them; here they are read again and again. */
export class DrmClients {
  private readonly clients = new Map<string, DrmClient>();

  constructor(
    private readonly procRoot: string,
    private readonly sensors: SensorFiles,
  ) {}

  /** All open device files of a process, by file descriptor: PCI addresses of the cards. */
  saw(pid: number, cards: ReadonlyMap<number, string>): void {
    for (const [key, client] of this.clients) {
      if (client.pid === pid && cards.get(client.fd) !== client.pciBusId) this.clients.delete(key);
    }
    for (const [fd, pciBusId] of cards) {
      const key = `${pid}/${fd}`;
      if (this.clients.has(key) || this.clients.size >= CLIENTS_MAX) continue;
      const use = new EngineUse();
      this.clients.set(key, { pid, fd, pciBusId, use, vramMb: null, shares: null, readAtMs: -Infinity });
    }
  }

  /**
   * Reads the clients of a card, those first whose reading is oldest; `inKfd` are the processes that compute through
   * KFD. A driver that hangs leaves this unsettled.
   */
  async read(pciBusId: string, countMax: number, inKfd: ReadonlySet<number>, nowMs: () => number): Promise<void> {
    const seldomMs = nowMs() - KFD_CLIENT_EVERY_MS;
    const due = [...this.clients].filter(([, client]) => {
      return client.pciBusId === pciBusId && (!inKfd.has(client.pid) || client.readAtMs <= seldomMs);
    });
    due.sort(([, a], [, b]) => a.readAtMs - b.readAtMs || a.pid - b.pid || a.fd - b.fd);
    for (const [key, client] of due.slice(0, countMax)) {
      const file = join(this.procRoot, String(client.pid), 'fdinfo', String(client.fd));
      const fdinfo = parseFdinfo((await this.sensors.text(file)) ?? '');
      // The process has ended, or has closed the file and opened another under the same number.
      if (fdinfo === null || (client.clientId ?? fdinfo.clientId) !== fdinfo.clientId) this.clients.delete(key);
      else if (this.isHeldByAnother(client, fdinfo.clientId)) this.clients.delete(key);
      else {
        client.clientId = fdinfo.clientId;
        client.readAtMs = nowMs();
        client.vramMb = fdinfo.vramBytes === null ? null : round(fdinfo.vramBytes / MIB, 1);
        client.shares = client.use.shares(fdinfo.engines, client.readAtMs);
      }
    }
  }

  /** By pid; a process may have a card open several times. */
  usesOf(pciBusId: string): ReadonlyMap<number, DrmUse> {
    const byPid = new Map<number, DrmClient[]>();
    for (const client of this.readOf(pciBusId)) byPid.set(client.pid, [...(byPid.get(client.pid) ?? []), client]);
    return new Map(
      [...byPid].map(([pid, own]) => [pid, { vramMb: sum(own.map(({ vramMb }) => vramMb)), utilPct: utilPct(own) }]),
    );
  }

  /** How busy all clients together keep a card; `null` where the driver does not count. One that is new counts later. */
  busyPct(pciBusId: string): number | null {
    const known = this.readOf(pciBusId).filter(({ shares }) => shares !== null);
    return known.length === 0 ? 0 : utilPct(known);
  }

  private readOf(pciBusId: string): readonly DrmClient[] {
    return [...this.clients.values()].filter((client) => client.pciBusId === pciBusId && client.clientId !== undefined);
  }

  /** An open file that was duplicated or inherited counts once, for the process that had it first. */
  private isHeldByAnother(client: DrmClient, clientId: string): boolean {
    return this.readOf(client.pciBusId).some(
      (other) =>
        other !== client && other.clientId === clientId && (other.pid - client.pid || other.fd - client.fd) < 0,
    );
  }
}

function utilPct(clients: readonly DrmClient[]): number | null {
  const shares = clients.map((client) => client.shares).filter((known) => known !== null);
  if (shares.length < clients.length || shares.some((known) => known.size === 0)) return null;
  return round(busiestPct(shares), 1);
}

const sum = (values: readonly (number | null)[]): number | null =>
  values.reduce<number | null>((total, value) => (total === null || value === null ? null : total + value), 0);
