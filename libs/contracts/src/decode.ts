import { ApiaryError } from './errors.js';
import { TEXT_LENGTH_MAX } from './limits.js';

/**
 * Turns something unknown into a `T` or throws `WIRE_MALFORMED` with the path of what is wrong.
 * A decoder builds a fresh value from the keys that it knows: nothing else of the input survives it.
 */
export type Decoder<T> = (value: unknown, path: string) => T;

function malformed(path: string, expected: string): never {
  throw new ApiaryError('WIRE_MALFORMED', `${path} must be ${expected}`);
}

/** A string of at most `lengthMax` characters. */
export const text =
  (lengthMax = TEXT_LENGTH_MAX): Decoder<string> =>
  (value, path) =>
    typeof value === 'string' && value.length <= lengthMax
      ? value
      : malformed(path, `a string of at most ${lengthMax} characters`);

/** A finite number. */
export const number: Decoder<number> = (value, path) =>
  typeof value === 'number' && Number.isFinite(value) ? value : malformed(path, 'a finite number');

/** True or false. */
export const flag: Decoder<boolean> = (value, path) =>
  typeof value === 'boolean' ? value : malformed(path, 'true or false');

/** A whole number that is not negative. */
export const count: Decoder<number> = (value, path) =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
    ? value
    : malformed(path, 'a whole number, 0 or more');

/** A finite number within bounds. */
export const numberWithin =
  (min: number, max: number): Decoder<number> =>
  (value, path) =>
    typeof value === 'number' && value >= min && value <= max
      ? value
      : malformed(path, `a number from ${min} to ${max}`);

/** One of the given words. */
export const oneOf =
  <const V extends readonly string[]>(words: V): Decoder<V[number]> =>
  (value, path) =>
    words.find((word) => word === value) ?? malformed(path, `one of ${words.join(', ')}`);

/** `null` where the value is unknown; an absent key is read as unknown, so that older peers stay readable. */
export const nullable =
  <T>(decode: Decoder<T>): Decoder<T | null> =>
  (value, path) =>
    value === null || value === undefined ? null : decode(value, path);

/** For a key that may be left out. */
export const optional =
  <T>(decode: Decoder<T>): Decoder<T | undefined> =>
  (value, path) =>
    value === undefined ? undefined : decode(value, path);

/** At most `lengthMax` items; a longer list is refused, never cut. */
export const list =
  <T>(decode: Decoder<T>, lengthMax: number): Decoder<readonly T[]> =>
  (value, path) =>
    Array.isArray(value) && value.length <= lengthMax
      ? value.map((item, index) => decode(item, `${path}[${index}]`))
      : malformed(path, `a list of at most ${lengthMax}`);

/** An object with a decoder for every key of `T`; other keys are left behind. */
export const object =
  <T extends object>(shape: { readonly [K in keyof T]-?: Decoder<T[K]> }): Decoder<T> =>
  (value, path) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return malformed(path, 'an object');
    const source = value as Record<string, unknown>;
    const result: Partial<T> = {};
    for (const key in shape) {
      const decoded = shape[key](source[key], path === '' ? key : `${path}.${key}`);
      if (decoded !== undefined) result[key] = decoded;
    }
    return result as T;
  };

/** Parses JSON text and decodes it; text that is not JSON is `WIRE_MALFORMED` too. */
export function decodeJson<T>(json: string, decode: Decoder<T>): T {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (cause) {
    throw new ApiaryError('WIRE_MALFORMED', 'the text is not JSON', undefined, { cause });
  }
  return decode(value, '');
}
