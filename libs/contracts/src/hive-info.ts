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

const reported = object<{ status: 'healthy' | 'degraded' | 'unhealthy'; reason: string | null }>({
  status: oneOf(['healthy', 'degraded', 'unhealthy']),
  reason: nullable(text(1024)),
});

const healthStatus: Decoder<HiveHealthStatus> = (value, path) => {
  const { status, reason } = reported(value, path);
  return status === 'healthy' ? { status } : { status, reason: reason ?? 'the hive gave no reason' };
};

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
