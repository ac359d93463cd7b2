import type { Connection, Device, FoundBy, Health, HiveTelemetryEvent, HiveView } from '#contracts';

/** What is known of a hive apart from its telemetry. */
export interface HiveFacts {
  readonly hiveId: string;
  readonly url: string;
  readonly foundBy: FoundBy;
  readonly bootId: string | null;
  readonly version: string | null;
  readonly intervalMs: number;
  readonly devices: readonly Device[] | null;
}

/** Everything that the registry holds of one hive. */
export interface HiveRecord {
  facts: HiveFacts;
  connection: Connection;
  health: Health;
  reason: string;
  lastError: string | null;
  /** On the queen's monotonic clock; `null` before the first telemetry. */
  lastSeenMs: number | null;
  latest: HiveTelemetryEvent | null;
  received: number;
  malformed: number;
  missed: number;
}

/** A hive that was just taken in. */
export const newRecord = (facts: HiveFacts): HiveRecord => ({
  facts,
  connection: 'connecting',
  health: 'down',
  reason: 'not reached yet',
  lastError: null,
  lastSeenMs: null,
  latest: null,
  received: 0,
  malformed: 0,
  missed: 0,
});

/** Age of the last telemetry in ms; `null` if there was none. */
export const ageMs = ({ lastSeenMs }: HiveRecord, nowMs: number): number | null =>
  lastSeenMs === null ? null : Math.max(0, nowMs - lastSeenMs);

/** The record as the wire shows it. */
export function viewOf(record: HiveRecord, nowMs: number): HiveView {
  const { facts, connection, health, reason, lastError, latest, received, malformed, missed } = record;
  const age = ageMs(record, nowMs);
  return {
    hive_id: facts.hiveId,
    hive_url: facts.url,
    found_by: facts.foundBy,
    connection,
    health,
    reason,
    last_seen_age_ms: age === null ? null : Math.round(age),
    last_error: lastError,
    boot_id: latest?.hive_info.boot_id ?? facts.bootId,
    version: latest?.hive_info.version ?? facts.version,
    interval_ms: facts.intervalMs,
    devices: facts.devices,
    events_received: received,
    events_malformed: malformed,
    events_missed: missed,
    telemetry: latest,
  };
}
