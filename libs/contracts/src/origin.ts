import { type Decoder, Malformed } from './decode.js';
import { ApiaryError } from './errors.js';
import { ORIGIN_LENGTH_MAX } from './limits.js';

const SHAPE = /^https?:\/\/[^/?#@\\\s]+\/?$/i;
const EXPECTED = 'must be an absolute http(s)://host[:port] without credentials, path, query or fragment';

/** What is wrong with a `hive_url` or `queen_url`, as the end of a sentence that starts with its name. */
export function originFault(value: unknown): string | undefined {
  if (value === undefined || value === null) return 'is missing';
  if (typeof value !== 'string') return 'must be a string';
  if (value === '') return 'is empty';
  if (value.length > ORIGIN_LENGTH_MAX) return `is longer than ${ORIGIN_LENGTH_MAX} characters`;
  if (!SHAPE.test(value) || !URL.canParse(value)) return EXPECTED;
  const { port } = new URL(value);
  if (port === '0') return 'names port 0, which nothing can be dialled at';
  if (UNDIALLABLE_PORTS.has(Number(port))) return `names port ${port}, which HTTP clients refuse to dial`;
  return undefined;
}

/** The normal form, `scheme://host[:port]` in lower case without a slash at the end. Throws `REQUEST_INVALID`. */
export function parseOrigin(value: unknown, name: string): string {
  const fault = originFault(value);
  if (fault !== undefined) throw new ApiaryError('REQUEST_INVALID', `${name} ${fault}`, { [name]: fault });
  return new URL(value as string).origin;
}

/** Decodes an origin to its normal form. */
export const origin: Decoder<string> = (value) => {
  const fault = originFault(value);
  if (fault !== undefined) throw new Malformed(fault);
  return new URL(value as string).origin;
};

/** The Fetch standard's "bad ports" (https://fetch.spec.whatwg.org/#port-blocking): a fetch of one never connects. */
const UNDIALLABLE_PORTS: ReadonlySet<number> = new Set([
  1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 77, 79, 87, 95, 101, 102, 103, 104, 109, 110,
  111, 113, 115, 117, 119, 123, 135, 137, 139, 143, 161, 179, 389, 427, 465, 512, 513, 514, 515, 526, 530, 531, 532,
  540, 548, 554, 556, 563, 587, 601, 636, 989, 990, 993, 995, 1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061,
  6000, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 10080,
]);
