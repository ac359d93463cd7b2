import { join } from 'node:path';

import { tryList, tryReadKernelFile } from '../kernel-files.js';
import { isDead, parseProcessStat } from '../workers/process-stat.js';

/** Of the hive's own children, so never the root that the settings name. */
const PROC = '/proc';

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
