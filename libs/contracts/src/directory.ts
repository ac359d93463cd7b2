import { decodeJson, list, nullable, numberWithin, object, type Decoder, Malformed, text } from './decode.js';
import { hiveId } from './hive-id.js';
import { HIVES_MAX, INTERVAL_MS_MAX, INTERVAL_MS_MIN } from './limits.js';
import { origin } from './origin.js';

/** A hive as a queen remembers it across its own restart. */
export interface RememberedHive {
  readonly hive_id: string;
  readonly hive_url: string;
  readonly boot_id: string | null;
  readonly version: string | null;
  readonly interval_ms: number;
}

interface RememberedDirectory {
  readonly schema: 1;
  readonly hives: readonly RememberedHive[];
}

const schema: Decoder<1> = (value) => {
  if (value === 1) return 1;
  throw new Malformed(`is ${JSON.stringify(value)}, this version reads 1`);
};

const rememberedDirectory = object<RememberedDirectory>({
  schema,
  hives: list(
    object<RememberedHive>({
      hive_id: hiveId,
      hive_url: origin,
      boot_id: nullable(text()),
      version: nullable(text()),
      interval_ms: numberWithin(INTERVAL_MS_MIN, INTERVAL_MS_MAX),
    }),
    HIVES_MAX,
  ),
});

/** Decodes a queen's state file. Throws `WIRE_MALFORMED`. */
export const decodeDirectory = (json: string): readonly RememberedHive[] => decodeJson(json, rememberedDirectory).hives;
