import type { Device } from './capabilities.js';
import type { ClosingEvent, TelemetryEvent } from './telemetry.js';
import type { WorkerReading } from './worker.js';

/**
 * Whether the queen's subscription to a hive stands.
 *
 * - `connecting`: never reached yet. `connected`: the stream is open. `reconnecting`: it broke, the next try is near.
 * - `stopped`: the hive said goodbye. `lost`: it vanished. `unknown`: remembered from before, not heard since.
 * - `rejected`: it answers, but not as a hive, or as another hive.
 * - `conflict`: the stream is open, and somebody at another URL claims the same id.
 */
export const CONNECTIONS = [
  'connecting',
  'connected',
  'reconnecting',
  'stopped',
  'lost',
  'unknown',
  'rejected',
  'conflict',
] as const;
export type Connection = (typeof CONNECTIONS)[number];

/** Whether a hive is well, by the age of its last telemetry on the queen's clock. */
export const HEALTHS = ['healthy', 'degraded', 'down'] as const;
export type Health = (typeof HEALTHS)[number];

/** How the queen came to know a hive. */
export type FoundBy = 'callback' | 'ssh-config' | 'state-file';

/** A hive's telemetry as the queen passes it on. */
export interface HiveTelemetryEvent extends Omit<TelemetryEvent, 'type'> {
  readonly type: 'hive_telemetry';
  /** ISO 8601 by the queen's clock. */
  readonly received_at: string;
}

/** What the queen says of the fleet every 2500 ms. */
export interface QueenEvent {
  readonly type: 'queen';
  /** Workers of hives whose stream is open. */
  readonly workers_online: number;
  /** Those of them that are ready and idle. */
  readonly workers_available: number;
  /** Hives whose stream is open and fresh. */
  readonly hives_online: number;
  /** Those of them that are healthy. */
  readonly hives_available: number;
  readonly worker_ids: readonly string[];
  readonly hive_ids: readonly string[];
  readonly timestamp: string;
}

/** A hive's connection or health changed. */
export interface HiveStateEvent {
  readonly type: 'hive_state';
  readonly hive_id: string;
  readonly connection: Connection | 'forgotten';
  readonly health: Health;
  /** What it was before; `null` for a hive that is new. */
  readonly previous: { readonly connection: Connection; readonly health: Health } | null;
  /** One sentence. */
  readonly reason: string;
  readonly timestamp: string;
}

/** This viewer was too slow: `dropped` events were merged away, the latest state follows. */
export interface LagEvent {
  readonly type: 'lag';
  readonly dropped: number;
}

/** One hive as the queen knows it: an item of `GET /v1/hives` and of a snapshot. */
export interface HiveView {
  readonly hive_id: string;
  readonly hive_url: string;
  readonly found_by: FoundBy;
  readonly connection: Connection;
  readonly health: Health;
  /** Why connection and health are what they are. */
  readonly reason: string;
  /** Age of the last telemetry by the queen's clock; `null` if there was none. */
  readonly last_seen_age_ms: number | null;
  /** Why the last dial failed; `null` if it did not. */
  readonly last_error: string | null;
  /** Who else claimed this id, and when last; `null` if nobody did in the last minute. */
  readonly conflict: { readonly hive_url: string; readonly at: string } | null;
  /** It reconnected more than five times in the last minute; its `hive_state` events are thinned out. */
  readonly flapping: boolean;
  readonly boot_id: string | null;
  readonly version: string | null;
  readonly interval_ms: number;
  /** Known once the hive has answered `capabilities`. */
  readonly devices: readonly Device[] | null;
  readonly events_received: number;
  readonly events_malformed: number;
  /** Samples that never arrived, by the gaps in `seq`. */
  readonly events_missed: number;
  readonly telemetry: HiveTelemetryEvent | null;
}

/** Every hive's latest state; the first event of a connection, and `GET /v1/heartbeats`. */
export interface SnapshotEvent {
  readonly type: 'snapshot';
  readonly queen_id: string;
  readonly timestamp: string;
  readonly hives: readonly HiveView[];
}

/** Everything that the merged stream may carry. */
export type FleetEvent = SnapshotEvent | HiveTelemetryEvent | QueenEvent | HiveStateEvent | LagEvent | ClosingEvent;

/** A worker in the answer of `GET /v1/workers`: the reading, and where it runs. */
export interface FleetWorker extends WorkerReading {
  readonly hive_id: string;
  readonly hive_url: string;
  /** Free VRAM on the GPUs that the worker uses; `null` where nobody could tell. */
  readonly free_vram_mb: number | null;
}

const EVENT_NAMES = {
  snapshot: 'snapshot',
  hive_telemetry: 'heartbeat',
  queen: 'heartbeat',
  hive_state: 'hive_state',
  lag: 'lag',
  closing: 'closing',
} as const satisfies Record<FleetEvent['type'], string>;

/** The types that a viewer may filter by. */
export const FLEET_EVENT_TYPES = Object.keys(EVENT_NAMES) as readonly FleetEvent['type'][];

/** The SSE `event:` name of each type. */
export const fleetEventName = (type: FleetEvent['type']): string => EVENT_NAMES[type];
