import type { WorkerState } from '#contracts';

import { isDead } from './process-stat.js';

/** From this share of one core, or of a GPU that it has to itself, a worker counts as busy, in percent. */
export const BUSY_PCT = 50;

/** What is known of a worker that tells its state. */
export interface WorkerSigns {
  /** The letter of its main process; undefined where that has just ended. */
  readonly mainState: string | undefined;
  /** The main process ended and left this one behind. */
  readonly orphaned: boolean;
  /** Whether something listens on its port; undefined where the port is unknown. */
  readonly listening: boolean | undefined;
  /** `null` in the first sample. */
  readonly cpuPct: number | null;
}

/** Where the port is unknown, a worker counts as started once there is a second sample of it. */
export function workerState({ mainState, orphaned, listening, cpuPct }: WorkerSigns): WorkerState {
  const up = listening ?? cpuPct !== null;
  if (mainState === undefined || isDead(mainState) || (orphaned && !up)) return 'error';
  if (!up) return 'starting';
  return (cpuPct ?? 0) >= BUSY_PCT ? 'busy' : 'ready';
}
