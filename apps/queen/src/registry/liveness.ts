import type { Connection, Health, HiveHealthStatus } from '#contracts';

/** Ages in intervals of the hive: from here on it is not well, and from here on it is gone. */
const DEGRADED_INTERVALS = 3;
const DOWN_INTERVALS = 10;

/** What is known of a hive when its health is judged. */
export interface Signs {
  readonly connection: Connection;
  /** Age of its last telemetry by the queen's monotonic clock; `null` if there was none. */
  readonly ageMs: number | null;
  readonly intervalMs: number;
  /** What the hive says of itself; `null` before its first telemetry. */
  readonly selfReported: HiveHealthStatus | null;
}

/** A hive's health and the sentence that says why. */
export function judgeHealth({ connection, ageMs, intervalMs, selfReported }: Signs): {
  health: Health;
  reason: string;
} {
  if (connection !== 'connected') return { health: 'down', reason: `the stream is not open: ${connection}` };
  if (ageMs === null) return { health: 'degraded', reason: 'no telemetry yet' };
  const silence = `no telemetry for ${(ageMs / 1000).toFixed(1)} s`;
  if (ageMs >= DOWN_INTERVALS * intervalMs) return { health: 'down', reason: silence };
  if (ageMs >= DEGRADED_INTERVALS * intervalMs) return { health: 'degraded', reason: silence };
  if (selfReported !== null && selfReported.status !== 'healthy') {
    return { health: 'degraded', reason: `the hive says: ${selfReported.reason}` };
  }
  return { health: 'healthy', reason: 'telemetry flows' };
}
