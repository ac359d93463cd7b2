import { readlinkSync } from 'node:fs';
import { join } from 'node:path';

import type { Clock } from '#service-kit';

import type { ProcessObservation } from '../monitor.js';
import type { ProcFiles } from './proc-files.js';
import { isDead } from './process-stat.js';
import type { ProcessTable } from './process-table.js';

/** The first PID namespace of every machine, by `PROC_PID_INIT_INO` of Linux (include/linux/proc_ns.h). */
const FIRST_NAMESPACE = 'pid:[4026531836]';
const KTHREADD = 2;
/** How long a process must be gone before it counts as dead, in ms: the driver told of it a little earlier. */
const GONE_MS = 2500;

/** The processes that hold GPU memory, as far as they can be seen from here. */
export interface SeenHolders {
  /** Those whose numbers mean here what they mean to the driver. */
  readonly pids: ReadonlySet<number>;
  readonly processes: ReadonlyMap<number, ProcessObservation>;
  /** Why some can't be seen, and what to do; `null` where all can. */
  readonly hint: string | null;
}

/**
 * Looks at the processes that hold GPU memory. The driver numbers them as the machine does; in a PID namespace of its
 * own this hive sees none of them, or takes an innocent one for each.
 */
export class Holders {
  private readonly goneSinceMs = new Map<number, number>();

  constructor(
    private readonly procRoot: string,
    private readonly table: ProcessTable,
    private readonly files: ProcFiles,
    private readonly clock: Clock,
  ) {}

  look(holders: ReadonlySet<number>): SeenHolders {
    const seesAll = this.seesAll;
    const seen = [...holders].filter((pid) => this.table.get(pid) !== undefined);
    if (seen.length < holders.size && !seesAll && !this.isInFirstNamespace) {
      return { pids: new Set(), processes: new Map(), hint: foreignHint(holders.size) };
    }
    const missing = holders.size - seen.length;
    return {
      pids: new Set(seen),
      processes: this.observe(holders, seesAll),
      hint: missing > 0 && !seesAll ? hiddenHint(missing) : null,
    };
  }

  /** The machine's second process is the parent of the kernel's threads: no other namespace and no hidden one has it. */
  private get seesAll(): boolean {
    return this.table.get(KTHREADD)?.image.startsWith('kthreadd/') === true;
  }

  private get isInFirstNamespace(): boolean {
    try {
      return readlinkSync(join(this.procRoot, 'self/ns/pid')) === FIRST_NAMESPACE;
    } catch {
      return false;
    }
  }

  private observe(holders: ReadonlySet<number>, seesAll: boolean): Map<number, ProcessObservation> {
    const observed = new Map<number, ProcessObservation>();
    const nowMs = this.clock.monotonicMs();
    for (const pid of this.goneSinceMs.keys()) if (!holders.has(pid)) this.goneSinceMs.delete(pid);
    for (const pid of holders) {
      const process = this.files.process(pid);
      const isGone = process === undefined || isDead(process.state);
      if (!isGone) {
        this.goneSinceMs.delete(pid);
        observed.set(pid, { name: process.name, state: process.state === 'D' ? 'blocked' : 'running' });
        continue;
      }
      const sinceMs = this.goneSinceMs.get(pid) ?? nowMs;
      this.goneSinceMs.set(pid, sinceMs);
      const isCertain = process !== undefined || seesAll;
      if (isCertain && nowMs - sinceMs >= GONE_MS) observed.set(pid, { name: process?.name ?? null, state: 'dead' });
    }
    return observed;
  }
}

function foreignHint(count: number): string {
  return (
    `${count} ${count === 1 ? 'process holds' : 'processes hold'} GPU memory and can't be seen from this PID ` +
    'namespace: start the container with pid: host (docker run --pid=host, hostPID: true)'
  );
}

function hiddenHint(count: number): string {
  return (
    `${count} ${count === 1 ? 'process that holds' : 'processes that hold'} GPU memory can't be seen: ` +
    'run the hive as root, or mount /proc without hidepid'
  );
}
