import { list, nullable, number, object, oneOf, optional, text } from './decode.js';
import { SHORT_LIST_MAX } from './limits.js';

/** `absent`: the hardware is not there. `stale`: the values are older than this sample. `failed`: there are none. */
export const MONITOR_STATUSES = ['ok', 'absent', 'failed', 'stale'] as const;
export type MonitorStatus = (typeof MONITOR_STATUSES)[number];

/** How one sensor fared in a sample. */
export interface MonitorReport {
  readonly name: string;
  readonly status: MonitorStatus;
  /** How long its last finished reading took; `null` before the first. */
  readonly took_ms: number | null;
  /** How old the reading is that this sample carries; `null` where it carries none. */
  readonly age_ms: number | null;
  /** One sentence; only where it failed or is stale. */
  readonly error?: string;
  /** One sentence on a reading that is right and may surprise: what is missing in it and how to have it. */
  readonly hint?: string;
}

export const COLLECTION_STATUSES = ['ok', 'partial', 'failed'] as const;
export type CollectionStatus = (typeof COLLECTION_STATUSES)[number];

/** How a sample came about: says why a value is `null`. */
export interface Collection {
  readonly status: CollectionStatus;
  /** From the start of the sample to its event. */
  readonly took_ms: number;
  readonly monitors: readonly MonitorReport[];
}

/** Decodes `collection`. */
export const collection = object<Collection>({
  status: oneOf(COLLECTION_STATUSES),
  took_ms: number,
  monitors: list(
    object<MonitorReport>({
      name: text(),
      status: oneOf(MONITOR_STATUSES),
      took_ms: nullable(number),
      age_ms: nullable(number),
      error: optional(text(1024)),
      hint: optional(text(1024)),
    }),
    SHORT_LIST_MAX,
  ),
});
