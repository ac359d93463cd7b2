import type { Device, FoundBy } from '#contracts';

/** A hive that should be connected, and how it is dialled. */
export interface HiveEndpoint {
  readonly hiveId: string;
  /** The origin that is dialled. */
  readonly url: string;
  readonly foundBy: FoundBy;
  /** Tells two starts of a hive apart; `null` if the hive did not say. */
  readonly bootId: string | null;
  readonly version: string | null;
  readonly intervalMs: number;
  /** Known once `capabilities` was answered. */
  readonly devices: readonly Device[] | null;
}
