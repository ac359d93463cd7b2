import { type Decoder, Malformed } from './decode.js';
import { HIVE_ID_LENGTH_MAX } from './limits.js';

const HIVE_ID_PATTERN = /^[A-Za-z0-9._-]+$/;

/** What is wrong with a `hive_id`, as the end of a sentence that starts with its name; `undefined` if nothing is. */
export function hiveIdFault(value: unknown): string | undefined {
  if (value === undefined || value === null) return 'is missing';
  if (typeof value !== 'string') return 'must be a string';
  if (value === '') return 'is empty';
  if (value.length > HIVE_ID_LENGTH_MAX) return `is longer than ${HIVE_ID_LENGTH_MAX} characters`;
  if (!HIVE_ID_PATTERN.test(value)) return 'may hold only letters, digits, ".", "_" and "-"';
  return undefined;
}

/** Decodes a `hive_id`. */
export const hiveId: Decoder<string> = (value) => {
  const fault = hiveIdFault(value);
  if (fault !== undefined) throw new Malformed(fault);
  return value as string;
};
