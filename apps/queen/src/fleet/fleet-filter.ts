import { ApiaryError, FLEET_EVENT_TYPES, type FleetEvent, type HiveTelemetryEvent } from '#contracts';

import type { FleetFrame } from './fleet-frame.js';

/** Slowest that a viewer may ask for, in ms. */
const THROTTLE_MS_MAX = 3_600_000;

/** What a viewer wants to see. */
export interface FleetFilter {
  /** Only these hives; all if undefined. */
  readonly hives: ReadonlySet<string> | undefined;
  /** Only these types; all if undefined. `snapshot`, `lag` and `closing` come whatever is asked for. */
  readonly types: ReadonlySet<FleetEvent['type']> | undefined;
  /** At most one telemetry per hive in this time, the latest; 0 is no limit. */
  readonly throttleMs: number;
  /** Only these fields of a telemetry, beside those that say what it is; all if undefined. */
  readonly fields: ReadonlySet<TelemetryField> | undefined;
  /** Equal for equal filters. */
  readonly key: string;
}

/** What a viewer may leave out of a telemetry. */
const TELEMETRY_FIELDS = ['hive_info', 'node', 'gpus', 'workers', 'collection'] as const;
type TelemetryField = (typeof TELEMETRY_FIELDS)[number];

type TrimmedTelemetry = Omit<HiveTelemetryEvent, TelemetryField> & Partial<Pick<HiveTelemetryEvent, TelemetryField>>;

/** The query of the merged stream, as Express hands it over. */
export interface FleetFilterQuery {
  readonly hive?: unknown;
  readonly type?: unknown;
  readonly throttle_ms?: unknown;
  readonly fields?: unknown;
}

/** Compiles `?hive=a,b&type=x,y&throttle_ms=n&fields=v,w`. Throws `REQUEST_INVALID` that names what is wrong. */
export function parseFleetFilter(query: FleetFilterQuery): FleetFilter {
  const hives = wordsOf(query.hive, 'hive');
  const types = knownOf(query.type, 'type', FLEET_EVENT_TYPES);
  const throttleMs = throttleOf(query.throttle_ms);
  const fields = knownOf(query.fields, 'fields', TELEMETRY_FIELDS);
  const key = JSON.stringify(
    [hives, types, fields].map((words) => words && [...words].sort()).concat([[`${throttleMs}`]]),
  );
  return { hives, types, throttleMs, fields, key };
}

/** The telemetry with those of its fields that were asked for. */
export function trimmed(event: HiveTelemetryEvent, fields: ReadonlySet<TelemetryField>): TrimmedTelemetry {
  const { hive_info, node, gpus, workers, collection, ...rest } = event;
  return {
    ...rest,
    ...(fields.has('hive_info') && { hive_info }),
    ...(fields.has('node') && { node }),
    ...(fields.has('gpus') && { gpus }),
    ...(fields.has('workers') && { workers }),
    ...(fields.has('collection') && { collection }),
  };
}

/** Whether an event of this type, about this hive, passes. */
export function passes({ types, hives }: FleetFilter, { type, hiveId }: Pick<FleetFrame, 'type' | 'hiveId'>): boolean {
  switch (type) {
    case 'snapshot':
    case 'lag':
    case 'closing':
      return true;
    case 'queen':
    case 'hive_telemetry':
    case 'hive_state':
      return (types?.has(type) ?? true) && (hiveId === undefined || (hives?.has(hiveId) ?? true));
  }
}

function invalid(name: string, fault: string): ApiaryError {
  return new ApiaryError('REQUEST_INVALID', `${name} ${fault}`, { [name]: fault });
}

function wordsOf(value: unknown, name: string): ReadonlySet<string> | undefined {
  if (value === undefined) return undefined;
  if (typeof value !== 'string') throw invalid(name, 'must be given once, as a list with commas');
  return new Set(value.split(',').filter((word) => word !== ''));
}

function knownOf<T extends string>(value: unknown, name: string, known: readonly T[]): ReadonlySet<T> | undefined {
  const words = wordsOf(value, name);
  if (words === undefined) return undefined;
  const wanted = known.filter((each) => words.has(each));
  if (wanted.length < words.size) throw invalid(name, `must be of ${known.join(', ')}`);
  return new Set(wanted);
}

function throttleOf(value: unknown): number {
  if (value === undefined) return 0;
  const throttleMs = typeof value === 'string' && /^\d+$/.test(value) ? Number(value) : Number.NaN;
  if (throttleMs <= THROTTLE_MS_MAX) return throttleMs;
  throw invalid('throttle_ms', `must be a whole number from 0 to ${THROTTLE_MS_MAX}`);
}
