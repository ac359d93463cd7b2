import { collection, type Collection } from './collection.js';
import { count, decodeJson, decodeText, list, numberWithin, object, oneOf, text } from './decode.js';
import { gpuReading, type GpuReading } from './gpu.js';
import { hiveId } from './hive-id.js';
import { hiveInfo, type HiveInfo } from './hive-info.js';
import { GPUS_PER_HIVE_MAX, INTERVAL_MS_MAX, INTERVAL_MS_MIN, WORKERS_PER_HIVE_MAX } from './limits.js';
import { nodeReading, type NodeReading } from './node.js';
import { workerReading, type WorkerReading } from './worker.js';

/** One sample of one hive; what a hive streams every interval. */
export interface TelemetryEvent {
  readonly type: 'telemetry';
  readonly hive_id: string;
  readonly hive_info: HiveInfo;
  /** ISO 8601 by the hive's own clock: for display, never compared. */
  readonly timestamp: string;
  /** Counts samples from 1; starts over with a new `boot_id`. */
  readonly seq: number;
  readonly interval_ms: number;
  readonly node: NodeReading;
  readonly gpus: readonly GpuReading[];
  readonly workers: readonly WorkerReading[];
  readonly collection: Collection;
}

/** The last event of a stream: the sender shuts down. */
export interface ClosingEvent {
  readonly type: 'closing';
  readonly reason: 'shutdown' | 'replaced';
}

const telemetryEvent = object<TelemetryEvent>({
  type: oneOf(['telemetry']),
  hive_id: hiveId,
  hive_info: hiveInfo,
  timestamp: text(),
  seq: count,
  interval_ms: numberWithin(INTERVAL_MS_MIN, INTERVAL_MS_MAX),
  node: nodeReading,
  gpus: list(gpuReading, GPUS_PER_HIVE_MAX),
  workers: list(workerReading, WORKERS_PER_HIVE_MAX),
  collection,
});

/** Decodes the data of a hive's `heartbeat`. Throws `WIRE_MALFORMED` with the path of what is wrong. */
export const decodeTelemetry = (json: string): TelemetryEvent => decodeJson(json, telemetryEvent);

/** Likewise, and tells whether the text holds nothing else, so that it may be passed on as it is. */
export const decodeTelemetryText = (json: string): { readonly value: TelemetryEvent; readonly isExact: boolean } =>
  decodeText(json, telemetryEvent);
