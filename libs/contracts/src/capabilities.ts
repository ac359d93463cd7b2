import { decodeJson, list, nullable, number, numberWithin, object, oneOf, text } from './decode.js';
import { hiveId } from './hive-id.js';
import { GPUS_PER_HIVE_MAX, INTERVAL_MS_MAX, INTERVAL_MS_MIN } from './limits.js';
import { origin } from './origin.js';

/** Something that a hive can compute on. */
export interface Device {
  /** "GPU-0" or "CPU-0". */
  readonly id: string;
  readonly name: string;
  readonly device_type: 'gpu' | 'cpu';
  readonly vram_gb: number | null;
  readonly compute_capability: string | null;
}

/** The answer of a hive's `GET /v1/capabilities`. */
export interface Capabilities {
  readonly hive_id: string;
  readonly boot_id: string;
  readonly version: string;
  readonly hive_url: string;
  readonly interval_ms: number;
  /** The CPU is always listed. */
  readonly devices: readonly Device[];
}

const capabilities = object<Capabilities>({
  hive_id: hiveId,
  boot_id: text(),
  version: text(),
  hive_url: origin,
  interval_ms: numberWithin(INTERVAL_MS_MIN, INTERVAL_MS_MAX),
  devices: list(
    object<Device>({
      id: text(),
      name: text(),
      device_type: oneOf(['gpu', 'cpu']),
      vram_gb: nullable(number),
      compute_capability: nullable(text()),
    }),
    GPUS_PER_HIVE_MAX + 1,
  ),
});

/** Decodes the body of a capabilities answer. Throws `WIRE_MALFORMED`. */
export const decodeCapabilities = (json: string): Capabilities => decodeJson(json, capabilities);
