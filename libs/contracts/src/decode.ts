import { ApiaryError } from './errors.js';
import { TEXT_LENGTH_MAX } from './limits.js';

/**
 * Turns something unknown into a `T` or throws `Malformed`. What holds nothing but the keys of its type is given back
 * itself, so that whoever has its text may pass that on; anything else is built anew from the keys that are known:
 * nothing else of the input survives it.
 */
export type Decoder<T> = (value: unknown) => T;

/** What is wrong with a value; the path to it is put together only where something is. */
export class Malformed extends Error {
  private path = '';

  /** `fault` ends a sentence that starts with the path. */
  constructor(private readonly fault: string) {
    super(fault);
  }

  /** The same fault, seen from the object or list that holds the value. */
  under(step: string): this {
    this.path = this.path === '' || this.path.startsWith('[') ? step + this.path : `${step}.${this.path}`;
    return this;
  }

  override toString(): string {
    return this.path === '' ? `the value ${this.fault}` : `${this.path} ${this.fault}`;
  }
}

function malformed(expected: string): never {
  throw new Malformed(`must be ${expected}`);
}

/** A string of at most `lengthMax` characters. */
export const text =
  (lengthMax = TEXT_LENGTH_MAX): Decoder<string> =>
  (value) =>
    typeof value === 'string' && value.length <= lengthMax
      ? value
      : malformed(`a string of at most ${lengthMax} characters`);

/** A finite number. */
export const number: Decoder<number> = (value) =>
  typeof value === 'number' && Number.isFinite(value) ? value : malformed('a finite number');

/** True or false. */
export const flag: Decoder<boolean> = (value) => (typeof value === 'boolean' ? value : malformed('true or false'));

/** A whole number that is not negative. */
export const count: Decoder<number> = (value) =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
    ? value
    : malformed('a whole number, 0 or more');

/** A finite number within bounds. */
export const numberWithin =
  (min: number, max: number): Decoder<number> =>
  (value) =>
    typeof value === 'number' && value >= min && value <= max ? value : malformed(`a number from ${min} to ${max}`);

/** One of the given words. */
export const oneOf =
  <const V extends readonly string[]>(words: V): Decoder<V[number]> =>
  (value) =>
    words.find((word) => word === value) ?? malformed(`one of ${words.join(', ')}`);

/** `null` where the value is unknown; an absent key is read as unknown, so that older peers stay readable. */
export const nullable =
  <T>(decode: Decoder<T>): Decoder<T | null> =>
  (value) =>
    value === null || value === undefined ? null : decode(value);

/** For a key that may be left out. */
export const optional =
  <T>(decode: Decoder<T>): Decoder<T | undefined> =>
  (value) =>
    value === undefined ? undefined : decode(value);

/** At most `lengthMax` items; a longer list is refused, never cut. */
export const list =
  <T>(decode: Decoder<T>, lengthMax: number): Decoder<readonly T[]> =>
  (value) => {
    if (!Array.isArray(value) || value.length > lengthMax) return malformed(`a list of at most ${lengthMax}`);
    const items = value as readonly unknown[];
    let copy: T[] | undefined;
    for (let index = 0; index < items.length; index++) {
      const decoded = stepInto(decode, items[index], index);
      if (copy === undefined && decoded !== items[index]) copy = items.slice(0, index) as T[];
      copy?.push(decoded);
    }
    return copy ?? (items as readonly T[]);
  };

/** An object with a decoder for every key of `T`; other keys are left behind. */
export const object = <T extends object>(shape: { readonly [K in keyof T]-?: Decoder<T[K]> }): Decoder<T> => {
  const keys = Object.keys(shape);
  const decoders = Object.values<Decoder<unknown>>(shape);
  return (value) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return malformed('an object');
    const source = value as Record<string, unknown>;
    let known = 0;
    let copy: Record<string, unknown> | undefined;
    for (let index = 0; index < keys.length; index++) {
      const key = keys[index] as string;
      const found = Object.hasOwn(source, key) ? source[key] : undefined;
      const decoded = stepInto(decoders[index] as Decoder<unknown>, found, key);
      if (found !== undefined) known += 1;
      if (copy === undefined && decoded !== found) copy = pick(source, keys, index);
      if (copy !== undefined && decoded !== undefined) copy[key] = decoded;
    }
    // What counts is the number of keys: with as many as are known, there is no other.
    return (copy ?? (keyCount(source) === known ? source : pick(source, keys, keys.length))) as T;
  };
};

/** Parses JSON text and decodes it; text that is not JSON is `WIRE_MALFORMED` too. */
export const decodeJson = <T>(json: string, decode: Decoder<T>): T => decodeText(json, decode).value;

/** Likewise, and tells whether the text holds nothing but the value. */
export function decodeText<T>(json: string, decode: Decoder<T>): { readonly value: T; readonly isExact: boolean } {
  let parsed: unknown;
  try {
    parsed = JSON.parse(json);
  } catch (cause) {
    throw new ApiaryError('WIRE_MALFORMED', 'the text is not JSON', undefined, { cause });
  }
  try {
    const value = decode(parsed);
    return { value, isExact: value === parsed };
  } catch (error) {
    throw error instanceof Malformed ? new ApiaryError('WIRE_MALFORMED', String(error)) : error;
  }
}

function stepInto<T>(decode: Decoder<T>, value: unknown, step: string | number): T {
  try {
    return decode(value);
  } catch (error) {
    throw error instanceof Malformed ? error.under(typeof step === 'number' ? `[${step}]` : step) : error;
  }
}

/** The first keys of a shape, as far as the source has them. */
function pick(source: Record<string, unknown>, keys: readonly string[], end: number): Record<string, unknown> {
  const picked: Record<string, unknown> = {};
  for (const key of keys.slice(0, end)) if (source[key] !== undefined) picked[key] = source[key];
  return picked;
}

function keyCount(source: object): number {
  let keys = 0;
  for (const _ in source) keys += 1;
  return keys;
}
