import { count, type Decoder, nullable, object, oneOf, text } from './decode.js';
import { hiveId } from './hive-id.js';
import { ORIGIN_LENGTH_MAX } from './limits.js';

export const OPERATIONAL_STATUSES = ['starting', 'ready', 'busy', 'stopping', 'stopped'] as const;
export type OperationalStatus = (typeof OPERATIONAL_STATUSES)[number];

/** What a hive says of its own health. */
export type HiveHealthStatus =
  { readonly status: 'healthy' } | { readonly status: 'degraded' | 'unhealthy'; readonly reason: string };

/** The hive as it sees itself. */
export interface HiveInfo {
  readonly id: string;
  readonly hostname: string;
  readonly port: number;
  /** Where a queen reaches it. */
  readonly url: string;
  readonly operational_status: OperationalStatus;
  readonly health_status: HiveHealthStatus;
  readonly version: string;
  /** A fresh UUID per process start. */
  readonly boot_id: string;
  readonly os: string | null;
  readonly kernel: string | null;
  readonly arch: string | null;
}

const healthy = object<{ readonly status: 'healthy' }>({ status: oneOf(['healthy']) });

const sick = object<{ readonly status: 'degraded' | 'unhealthy'; readonly reason: string }>({
  status: oneOf(['degraded', 'unhealthy']),
  reason: (value) => nullable(text(1024))(value) ?? 'the hive gave no reason',
});

const reported = object<{ readonly status: HiveHealthStatus['status'] }>({
  status: oneOf(['healthy', 'degraded', 'unhealthy']),
});

const healthStatus: Decoder<HiveHealthStatus> = (value) =>
  reported(value).status === 'healthy' ? healthy(value) : sick(value);

/** Decodes `hive_info`. */
export const hiveInfo = object<HiveInfo>({
  id: hiveId,
  hostname: text(),
  port: count,
  url: text(ORIGIN_LENGTH_MAX),
  operational_status: oneOf(OPERATIONAL_STATUSES),
  health_status: healthStatus,
  version: text(),
  boot_id: text(),
  os: nullable(text()),
  kernel: nullable(text()),
  arch: nullable(text()),
});
