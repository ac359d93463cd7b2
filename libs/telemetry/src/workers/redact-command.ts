import { limits } from '#contracts';

/** What stands where a secret stood. */
const HIDDEN = '***';
/** How much of a command line is looked at, in characters: far more than is shown. */
const LOOKED_AT_MAX = 4096;

/** A name with one of these parts is one of a secret: "api-key", "HF_TOKEN", "dbPassword". */
const SECRET_PARTS: ReadonlySet<string> = new Set([
  ...['key', 'keys', 'apikey', 'apikeys', 'token', 'tokens', 'secret', 'secrets', 'password', 'passwords', 'passwd'],
  ...['pass', 'passphrase', 'pwd', 'pw', 'credential', 'credentials', 'cred', 'creds', 'auth', 'authorization'],
  ...['bearer', 'cookie', 'cookies', 'jwt', 'pat', 'sas', 'signature', 'private', 'accesskey', 'authtoken', 'hftoken'],
]);
/** Flags that count tokens or name something public: hiding their values would help nobody. */
const HARMLESS_NAMES: ReadonlySet<string> = new Set(['ssl-keyfile', 'key-cache-dtype', 'auth-type', 'signature']);

/** Keys that tell by their beginning who issued them. */
const ISSUED = new RegExp(
  [
    /(?:sk|pk|rk)-[\w-]{8,}/,
    /(?:sk|pk|rk)_(?:live|test)_\w{8,}/,
    /hf_[A-Za-z0-9]{6,}/,
    /gh[pousr]_[A-Za-z0-9]{6,}/,
    /github_pat_\w{6,}/,
    /gl(?:pat|dt|rt)-[\w-]{6,}/,
    /xox[a-z]-[\w-]{6,}/,
    /nvapi-[\w-]{6,}/,
    /(?:AKIA|ASIA)[A-Z0-9]{12,}/,
    /AIza[\w-]{20,}/,
    /(?:gsk|npm|r8)_[A-Za-z0-9]{16,}/,
    /eyJ[\w-]{6,}\.[\w-]+(?:\.[\w-]*)?/,
  ]
    .map(({ source }) => `(?<![A-Za-z0-9])${source}`)
    .join('|'),
  'g',
);
const URL_USER = /(\/\/)[^/\s@]+@/g;
/** `name=` and `"name":`, in a word, a query, or JSON, and what may follow. */
const ASSIGNED_NAME = /([A-Za-z][\w.-]*)["']?[=:]/g;
const ASSIGNED_VALUE = /^("[^"]*"?|'[^']*'?|[^\s&;,"'}\]]+)/;
const LONG_RUN = /(?<![\w+])[\w+-]{32,}={0,2}/g;

/**
 * A command line as it may be shown to anyone: what is or might be a key, token or password is hidden, control
 * characters are blanks, and it is cut at 256 bytes. Rather hides too much than too little.
 */
export function redactCommand(words: readonly string[]): string {
  const line = words.join(' ').replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Zs}]+/gu, ' ');
  // A secret that is cut in half may no longer look like one.
  const whole = line.length <= LOOKED_AT_MAX ? line : line.slice(0, LOOKED_AT_MAX).replace(/\S*$/, HIDDEN);
  return cutAtBytes(hideValues(whole.trim().split(' ')).map(hideInside).join(' '), limits.COMMAND_BYTES_MAX);
}

/** Cuts a text to so many bytes of UTF-8, never through a character. */
export function cutAtBytes(text: string, bytesMax: number): string {
  const bytes = Buffer.from(text);
  if (bytes.length <= bytesMax) return text;
  let end = bytesMax;
  // A byte 10xxxxxx goes on with the character before it.
  while (((bytes[end] ?? 0) & 0xc0) === 0x80) end--;
  return bytes.toString('utf8', 0, end);
}

/** Hides what follows a flag such as `--api-key`, however many values it has, up to the next flag. */
function hideValues(words: readonly string[]): string[] {
  let hiding = false;
  return words.map((word, index) => {
    const before = words[index - 1] ?? '';
    const isPassword = /(^|\/)sshpass$/.test(before) && word.startsWith('-p');
    if (isPassword || (hiding && !(announcesSecret(before) ? looksLikeFirstFlag : looksLikeFlag)(word))) {
      hiding = true;
      return HIDDEN;
    }
    hiding = announcesSecret(word) || (word === '-u' && /^[^:/]+:[^:/]+$/.test(words[index + 1] ?? ''));
    return word;
  });
}

function announcesSecret(word: string): boolean {
  if (/(^|[=:"'])(bearer|basic)$/i.test(word)) return true;
  const [, name] = /^--?([A-Za-z][\w.-]*)$/.exec(word) ?? /([A-Za-z][\w.-]*)["']?[=:]["']?$/.exec(word) ?? [];
  return name !== undefined && isSecretName(name);
}

/** Right behind a flag that wants a secret, what begins with a dash may be the secret. */
function looksLikeFirstFlag(word: string): boolean {
  return /^(--[A-Za-z][\w.-]*(=|$)|-[A-Za-z]\w{0,2}$)/.test(word);
}

function looksLikeFlag(word: string): boolean {
  return /^--?[A-Za-z][\w.-]*(=|$)/.test(word);
}

function hideInside(word: string): string {
  return hideAssigned(word)
    .replace(URL_USER, `$1${HIDDEN}@`)
    .replace(ISSUED, HIDDEN)
    .replace(LONG_RUN, (run, offset: number, text: string) => (isRandom(run, text.slice(0, offset)) ? HIDDEN : run));
}

function hideAssigned(word: string): string {
  const named = [...word.matchAll(ASSIGNED_NAME)].find(([, name = '']) => isSecretName(name));
  if (named === undefined) return word;
  const end = named.index + named[0].length;
  const rest = word.slice(end);
  const value = ASSIGNED_VALUE.exec(rest)?.[0] ?? '';
  return word.slice(0, end) + (value === '' ? '' : HIDDEN) + hideAssigned(rest.slice(value.length));
}

function isSecretName(name: string): boolean {
  const plain = name.replace(/^-+/, '');
  if (HARMLESS_NAMES.has(plain.toLowerCase())) return false;
  // `--max-num-batched-tokens`, `--max-tokens`, `--num-key-value-heads`: a number of them, not one of them.
  if (/^(max|min|num|n|total|skip|no)[-_]/i.test(plain)) return false;
  const parts = plain
    .replace(/([a-z0-9])([A-Z])/g, '$1-$2')
    .toLowerCase()
    .split(/[-_.]+/);
  return parts.some((part) => SECRET_PARTS.has(part));
}

/** The name of a model has words; the hash of one stands in a path or behind the name of its algorithm. */
function isRandom(run: string, before: string): boolean {
  if (/^[0-9a-f]+$/i.test(run)) return /\d/.test(run) && /[a-f]/i.test(run) && !/([/:]|sha256-)$/.test(before);
  if (/^sha256-[0-9a-f]+$/.test(run)) return false;
  return run
    .split(/[-_]/)
    .some((part) => part.length >= 12 && [/[a-z]/, /[A-Z]/, /\d/].every((kind) => kind.test(part)));
}
