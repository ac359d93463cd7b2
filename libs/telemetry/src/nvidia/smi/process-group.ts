import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { tryList, tryReadKernelFile } from '../../kernel-files.js';
import { isDead, parseProcessStat } from '../../workers/process-stat.js';

/** Of the hive's own children, so never the root that the settings name. */
const PROC = '/proc';
/** How often a killed process group is looked at until it is gone. */
const GONE_POLL_MS = 250;

/**
 * Whether a process of the group still runs. A zombie doesn't: it only waits for its parent, and where the hive is
 * the first process of a container nobody may come for it. That second look reads all of `/proc`, and is taken only
 * where the group has not vanished.
 */
export function processGroupLives(group: number): boolean {
  try {
    process.kill(-group, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
  const processes = tryList(PROC)
    .filter((name) => /^\d+$/.test(name))
    .map((pid) => parseProcessStat(tryReadKernelFile(join(PROC, pid, 'stat')) ?? ''))
    .filter((stat) => stat?.group === group);
  return processes.length === 0 || processes.some((stat) => stat !== null && !isDead(stat.state));
}

/** Resolves once no process of a killed group lives; rejects when `signal` fires, with what that means. */
export async function untilGroupGone(group: number, signal: AbortSignal): Promise<void> {
  try {
    while (processGroupLives(group)) await sleep(GONE_POLL_MS, undefined, { signal });
  } catch (cause) {
    throw new Error(`wedged: nvidia-smi (process group ${group}) does not end after SIGKILL`, { cause });
  }
}

/** Signals every process of a group; one that is gone already has nothing left to hear. */
export function signalGroup(group: number | undefined, signal: NodeJS.Signals): void {
  try {
    if (group !== undefined) process.kill(-group, signal);
  } catch {
    // The group is gone already.
  }
}
