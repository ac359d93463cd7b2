import { ApiaryError, FLEET_EVENT_TYPES, type FleetEvent } from '#contracts';

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
}

/** The query of the merged stream, as Express hands it over. */
export interface FleetFilterQuery {
  readonly hive?: unknown;
  readonly type?: unknown;
  readonly throttle_ms?: unknown;
}

/** Compiles `?hive=a,b&type=x,y&throttle_ms=n`. Throws `REQUEST_INVALID` that names the wrong parameter. */
export function parseFleetFilter(query: FleetFilterQuery): FleetFilter {
  return { hives: wordsOf(query.hive, 'hive'), types: typesOf(query.type), throttleMs: throttleOf(query.throttle_ms) };
}

/** Whether an event passes. */
export function passes(filter: FleetFilter, event: FleetEvent): boolean {
  switch (event.type) {
    case 'snapshot':
    case 'lag':
    case 'closing':
      return true;
    case 'queen':
      return filter.types?.has('queen') ?? true;
    case 'hive_telemetry':
    case 'hive_state':
      return (filter.types?.has(event.type) ?? true) && (filter.hives?.has(event.hive_id) ?? true);
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

function typesOf(value: unknown): ReadonlySet<FleetEvent['type']> | undefined {
  const words = wordsOf(value, 'type');
  if (words === undefined) return undefined;
  const known = FLEET_EVENT_TYPES.filter((type) => words.has(type));
  if (known.length < words.size) throw invalid('type', `must be of ${FLEET_EVENT_TYPES.join(', ')}`);
  return new Set(known);
}

function throttleOf(value: unknown): number {
  if (value === undefined) return 0;
  const throttleMs = typeof value === 'string' && /^\d+$/.test(value) ? Number(value) : Number.NaN;
  if (throttleMs <= THROTTLE_MS_MAX) return throttleMs;
  throw invalid('throttle_ms', `must be a whole number from 0 to ${THROTTLE_MS_MAX}`);
}
