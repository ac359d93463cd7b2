/** What a server answered to a GET. */
export interface HttpAnswer {
  readonly status: number;
  /** Of at most 2 MiB. */
  readonly body: string;
  /** Whether the connection can take another request. */
  readonly reusable: boolean;
}

/** A longer answer is refused: the largest exposition seen of an engine has some hundred kilobytes. */
export const BODY_BYTES_MAX = 2 * 1024 * 1024;
/** A longer head is refused. */
const HEAD_BYTES_MAX = 16 * 1024;
/** Longest line before a chunk, extensions included. */
const CHUNK_LINE_BYTES_MAX = 256;
/** What chunks may add to a body: their own lines. */
const RAW_BYTES_MAX = HEAD_BYTES_MAX + 2 * BODY_BYTES_MAX;
const FIRST_BYTES = 64 * 1024;
const NOTHING = Buffer.alloc(0);

const END_OF_HEAD = '\r\n\r\n';

interface Head {
  readonly status: number;
  /** Where the body begins. */
  readonly bodyAt: number;
  readonly keepsAlive: boolean;
  /** How the body ends: after so many bytes, with an empty chunk, or with the connection. */
  readonly framing: number | 'chunked' | 'close';
}

/**
 * Puts one HTTP/1.1 answer to a GET together from what a socket reads. Knows what a server on this machine may send
 * to us and refuses all else: no compression (none is asked for), no trailers that matter, no upgrade.
 * `push` and `end` throw an `Error` of one sentence on what is not HTTP or too large.
 */
export class HttpResponse {
  private raw: Buffer = NOTHING;
  private size = 0;
  private head: Head | undefined;
  /** The line of the next chunk. */
  private chunkAt = 0;
  /** Of the chunks so far. */
  private bodyBytes = 0;

  /** Whether anything has come yet. */
  get begun(): boolean {
    return this.size > 0;
  }

  /** Takes what was read, which may be reused after; the answer, once it is complete. */
  push(bytes: Buffer): HttpAnswer | undefined {
    // Most answers come in one piece, which then need not be copied.
    if (this.size > 0) this.append(bytes);
    else [this.raw, this.size] = [bytes, bytes.length];
    const answer = this.complete();
    if (answer === undefined && this.raw === bytes) this.keep();
    return answer;
  }

  /** The connection ended: the answer, if that was how it ends. */
  end(): HttpAnswer {
    if (this.head?.framing !== 'close') throw new Error('the connection ended before the answer did');
    return this.answer(this.head, this.raw.toString('utf8', this.head.bodyAt, this.size), this.size);
  }

  private complete(): HttpAnswer | undefined {
    const head = (this.head ??= this.readHead());
    if (head === undefined) return undefined;
    if (head.framing === 'close') {
      if (this.size - head.bodyAt > BODY_BYTES_MAX) throw tooLarge();
      return undefined;
    }
    if (head.framing === 'chunked') return this.readChunks(head);
    const end = head.bodyAt + head.framing;
    if (this.size < end) return undefined;
    return this.answer(head, this.raw.toString('utf8', head.bodyAt, end), end);
  }

  private append(bytes: Buffer): void {
    const size = this.size + bytes.length;
    if (size > RAW_BYTES_MAX) throw tooLarge();
    if (size > this.raw.length) this.grow(Math.max(size, 2 * this.raw.length));
    this.raw.set(bytes, this.size);
    this.size = size;
  }

  /** Makes what was read its own. */
  private keep(): void {
    this.grow(Math.max(this.size, FIRST_BYTES));
  }

  private grow(length: number): void {
    const grown = Buffer.allocUnsafe(length);
    this.raw.copy(grown, 0, 0, this.size);
    this.raw = grown;
  }

  private readHead(): Head | undefined {
    for (;;) {
      const read = this.raw.subarray(0, this.size);
      const end = read.indexOf(END_OF_HEAD);
      if (end > HEAD_BYTES_MAX || (end === -1 && this.size > HEAD_BYTES_MAX)) throw new Error('its head is too long');
      if (this.size >= 5 && read.toString('latin1', 0, 5) !== 'HTTP/') throw new Error('it does not speak HTTP');
      if (end === -1) return undefined;
      const head = headOf(read.toString('latin1', 0, end), end + END_OF_HEAD.length);
      if (head.status >= 200) return head;
      // "Continue" and the like come before the answer.
      this.raw.copyWithin(0, head.bodyAt, this.size);
      this.size -= head.bodyAt;
    }
  }

  /** Moves the chunks together where they stand: a body of a million tiny ones costs no more than its bytes. */
  private readChunks(head: Head): HttpAnswer | undefined {
    this.chunkAt = Math.max(this.chunkAt, head.bodyAt);
    for (;;) {
      const lineEnd = this.raw.subarray(0, this.size).indexOf('\r\n', this.chunkAt);
      if (lineEnd === -1 && this.size - this.chunkAt <= CHUNK_LINE_BYTES_MAX) return undefined;
      const length = lineEnd === -1 ? undefined : chunkLength(this.raw.toString('latin1', this.chunkAt, lineEnd));
      if (length === undefined) throw new Error('its chunks are malformed');
      if (this.bodyBytes + length > BODY_BYTES_MAX) throw tooLarge();
      const next = lineEnd + 2 + length + 2;
      if (this.size < next) return undefined;
      const bodyEnd = head.bodyAt + this.bodyBytes;
      // After the empty chunk comes an empty line. Trailers are not waited for: their connection is not used again.
      if (length === 0) return this.answer(head, this.raw.toString('utf8', head.bodyAt, bodyEnd), next);
      this.raw.copyWithin(bodyEnd, lineEnd + 2, next - 2);
      this.bodyBytes += length;
      this.chunkAt = next;
    }
  }

  private answer(head: Head, body: string, end: number): HttpAnswer {
    return { status: head.status, body, reusable: head.keepsAlive && this.size === end };
  }
}

function headOf(text: string, bodyAt: number): Head {
  const [statusLine = '', ...lines] = text.split('\r\n');
  const status = /^HTTP\/1\.([01]) ([1-5]\d\d)(?: |$)/.exec(statusLine);
  if (status === null) throw new Error('it does not speak HTTP/1.1');
  const headers = lines.map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line] as const);
  const valuesOf = (name: string): string[] =>
    headers
      .filter(([key]) => key === name)
      .map(([key, line]) =>
        line
          .slice(key.length + 1)
          .trim()
          .toLowerCase(),
      );
  const code = Number(status[2]);
  return {
    status: code,
    bodyAt,
    keepsAlive: status[1] === '1' && !valuesOf('connection').includes('close'),
    framing:
      code === 204 || code === 304 ? 0 : framingOf(valuesOf('transfer-encoding'), new Set(valuesOf('content-length'))),
  };
}

function framingOf(encodings: readonly string[], lengths: ReadonlySet<string>): Head['framing'] {
  if (encodings.length > 0) {
    if (encodings.join() !== 'chunked' || lengths.size > 0) throw new Error('it frames its answer in an unknown way');
    return 'chunked';
  }
  const [length] = lengths;
  if (length === undefined) return 'close';
  if (lengths.size > 1 || !/^\d{1,15}$/.test(length)) throw new Error('its content-length is malformed');
  if (Number(length) > BODY_BYTES_MAX) throw tooLarge();
  return Number(length);
}

function chunkLength(line: string): number | undefined {
  const length = /^([0-9a-f]{1,8})(?:[ \t]*;|[ \t]*$)/i.exec(line)?.[1];
  return length === undefined ? undefined : Number.parseInt(length, 16);
}

const tooLarge = (): Error => new Error(`its answer is larger than ${BODY_BYTES_MAX / 1024 / 1024} MiB`);
