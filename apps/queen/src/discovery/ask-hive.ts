import { type ClientRequest, get, type IncomingMessage } from 'node:http';

import { type Capabilities, decodeCapabilities, describeError, limits } from '#contracts';

import { ANSWER_MS, CONNECT_MS } from './limits.js';

/** What came of asking for a hive. */
export type HiveAnswer =
  | { readonly kind: 'hive'; readonly capabilities: Capabilities }
  | { readonly kind: 'no_answer' | 'not_a_hive'; readonly reason: string };

/**
 * Asks for the capabilities of the hive at `hiveUrl`, and leaves our own URL there. Whoever listens on that port may
 * not be a hive: it gets no redirect, no more time than a hive needs and no more memory than an answer. Never rejects.
 */
export async function askHive(hiveUrl: string, queenUrl: string | undefined, signal: AbortSignal): Promise<HiveAnswer> {
  const query = queenUrl === undefined ? '' : `?queen_url=${encodeURIComponent(queenUrl)}`;
  let text: string;
  try {
    text = await fetchText(`${hiveUrl}/v1/capabilities${query}`, signal);
  } catch (error) {
    const reason = describeError(error);
    return { kind: isBadAnswer(error) ? 'not_a_hive' : 'no_answer', reason };
  }
  try {
    return { kind: 'hive', capabilities: decodeCapabilities(text) };
  } catch (error) {
    return { kind: 'not_a_hive', reason: describeError(error) };
  }
}

/** Something answered, and a hive would not have answered that. */
class BadAnswer extends Error {}

/** Node's own complaints about what is no HTTP start with HPE. */
const isBadAnswer = (error: unknown): boolean =>
  error instanceof BadAnswer || (error as NodeJS.ErrnoException).code?.startsWith('HPE_') === true;

/** Not `fetch`: it can't tell a host that is not there, which most are, from one that is slow. */
async function fetchText(url: string, signal: AbortSignal): Promise<string> {
  const request = get(url, { agent: false, headers: { Accept: 'application/json' } });
  using timeLimits = new TimeLimits(request, signal);
  try {
    const response = new Promise<IncomingMessage>((resolve, reject) => {
      request.on('response', resolve);
      request.on('error', reject);
    });
    return await readText(await response);
  } catch (error) {
    throw timeLimits.exceeded ?? error;
  } finally {
    request.destroy();
  }
}

/** Ends a request that takes too long to connect, or too long altogether, or that nobody wants any more. */
class TimeLimits implements Disposable {
  /** What ended the request, if it was one of these. */
  exceeded: Error | undefined;
  private readonly timers: readonly NodeJS.Timeout[];

  constructor(
    private readonly request: ClientRequest,
    private readonly signal: AbortSignal,
  ) {
    signal.addEventListener('abort', this.abort);
    if (signal.aborted) this.abort();
    const connection = this.limit('connection', CONNECT_MS);
    this.timers = [connection, this.limit('answer', ANSWER_MS)];
    request.on('socket', (socket) => void socket.once('connect', () => clearTimeout(connection)));
  }

  [Symbol.dispose](): void {
    this.timers.forEach(clearTimeout);
    this.signal.removeEventListener('abort', this.abort);
  }

  private limit(what: string, ms: number): NodeJS.Timeout {
    return setTimeout(() => this.end(`no ${what} within ${ms / 1000} s`), ms);
  }

  private readonly abort = (): void => this.end('the queen stops');

  private end(why: string): void {
    this.exceeded = new Error(why);
    this.request.destroy(this.exceeded);
  }
}

async function readText(response: IncomingMessage): Promise<string> {
  if (response.statusCode !== 200) throw new BadAnswer(`it answered ${response.statusCode ?? 0}`);
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes > limits.EVENT_BYTES_MAX) throw new BadAnswer('its answer is longer than 1 MiB');
  }
  return Buffer.concat(chunks).toString('utf8');
}
