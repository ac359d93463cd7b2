import type { Connection, Health, HiveTelemetryEvent, HiveView } from '#contracts';

import type { HiveEndpoint } from '../endpoint/hive-endpoint.js';

/** What viewers were last told of a hive. */
export interface ShownState {
  readonly connection: Connection;
  readonly health: Health;
}

/** Somebody at another URL who claims the id of a hive. */
export interface Contest {
  readonly url: string;
  readonly at: string;
  /** On the queen's monotonic clock. */
  readonly atMs: number;
}

/** Everything that the registry holds of one hive. Times are on the queen's monotonic clock. */
export interface HiveRecord {
  endpoint: HiveEndpoint;
  connection: Connection;
  health: Health;
  reason: string;
  lastError: string | null;
  /** `null` before the first telemetry. */
  lastSeenMs: number | null;
  /** When the stream closed, or when the hive was taken in; tells for how long it is gone. */
  goneSinceMs: number;
  latest: HiveTelemetryEvent | null;
  received: number;
  malformed: number;
  missed: number;
  contest: Contest | null;
  /** The latest reconnects, oldest first; no more than it takes to tell that it flaps. */
  reconnectsMs: readonly number[];
  shown: ShownState | null;
  shownMs: number;
}

/** A hive that was just taken in; one of the state file is `unknown` until it is heard. */
export const newRecord = (endpoint: HiveEndpoint, nowMs: number): HiveRecord => ({
  endpoint,
  connection: endpoint.foundBy === 'state-file' ? 'unknown' : 'connecting',
  health: 'down',
  reason:
    endpoint.foundBy === 'state-file' ? 'known from before the queen started, not heard since' : 'not reached yet',
  lastError: null,
  lastSeenMs: null,
  goneSinceMs: nowMs,
  latest: null,
  received: 0,
  malformed: 0,
  missed: 0,
  contest: null,
  reconnectsMs: [],
  shown: null,
  shownMs: Number.NEGATIVE_INFINITY,
});

/** Whether the stream of a hive is open. */
export const isOpen = (connection: Connection): boolean => connection === 'connected' || connection === 'conflict';

/** Age of the last telemetry in ms; `null` if there was none. */
export const ageMs = ({ lastSeenMs }: HiveRecord, nowMs: number): number | null =>
  lastSeenMs === null ? null : Math.max(0, nowMs - lastSeenMs);

/** The record as the wire shows it. */
export function viewOf(record: HiveRecord, nowMs: number): HiveView {
  const { endpoint, latest, contest } = record;
  const age = ageMs(record, nowMs);
  return {
    hive_id: endpoint.hiveId,
    hive_url: endpoint.url,
    found_by: endpoint.foundBy,
    connection: record.connection,
    health: record.health,
    reason: record.reason,
    last_seen_age_ms: age === null ? null : Math.round(age),
    last_error: record.lastError,
    conflict: contest && { hive_url: contest.url, at: contest.at },
    flapping: isFlapping(record, nowMs),
    boot_id: latest?.hive_info.boot_id ?? endpoint.bootId,
    version: latest?.hive_info.version ?? endpoint.version,
    interval_ms: endpoint.intervalMs,
    devices: endpoint.devices,
    events_received: record.received,
    events_malformed: record.malformed,
    events_missed: record.missed,
    telemetry: latest,
  };
}

/** More reconnects than this within this time, in ms, are flapping. */
const FLAPS_MAX = 5;
const FLAPS_WITHIN_MS = 60_000;

/** The list of reconnects with one more. */
export const withReconnect = ({ reconnectsMs }: HiveRecord, nowMs: number): readonly number[] =>
  [...reconnectsMs, nowMs].slice(-(FLAPS_MAX + 1));

/** Whether a hive comes and goes too often to tell of each time. */
export function isFlapping({ reconnectsMs }: HiveRecord, nowMs: number): boolean {
  const oldest = reconnectsMs[reconnectsMs.length - (FLAPS_MAX + 1)];
  return oldest !== undefined && nowMs - oldest < FLAPS_WITHIN_MS;
}
