import { describeError, limits } from '#contracts';
import type { EventSourceFetchInit, FetchLike, FetchLikeResponse } from 'eventsource';

/** Time until the headers of a stream must be there, in ms. */
const HEADERS_MS = 5_000;
/** EventSource compares the type letter by letter; what is a stream was decided before. */
const STREAM_HEADERS = new Headers({ 'content-type': 'text/event-stream' });
const LINE_FEED = 10;
const CARRIAGE_RETURN = 13;

/** Why a stream could not be opened or broke. `refused`: what answered is no hive, and won't be one a moment later. */
export interface FetchFailure {
  readonly kind: 'refused' | 'unreachable' | 'broken';
  readonly reason: string;
}

/** Who asks, and who is told when it fails. */
export interface GuardedFetchOptions {
  readonly headers: Readonly<Record<string, string>>;
  /** Fires when the stream is given up; everything of it must then end. */
  readonly signal: AbortSignal;
  readonly onFailure: (failure: FetchFailure) => void;
}

/**
 * A `fetch` for EventSource, which trusts its server too much: it follows redirects, never times out, buffers without
 * limit, inflates whatever comes, and does not cancel the body of a refusal. Nothing of that gets through here.
 */
export function guardedFetch({ headers, signal, onFailure }: GuardedFetchOptions): FetchLike {
  return async (url, init): Promise<FetchLikeResponse> => {
    const response = await open(url, init, headers, signal).catch((error: unknown) => {
      onFailure({ kind: 'unreachable', reason: describeError(error) });
      throw error;
    });
    const refusal = refusalOf(response);
    if (refusal === undefined && response.body !== null) {
      const body = boundedEvents(response.body, onFailure);
      return { status: 200, url: response.url, redirected: false, headers: STREAM_HEADERS, body };
    }
    await response.body?.cancel().catch(() => undefined);
    const reason = refusal ?? 'it answered without a body';
    onFailure({ kind: isPassing(response.status) ? 'unreachable' : 'refused', reason });
    throw new Error(reason);
  };
}

async function open(
  url: string | URL,
  init: EventSourceFetchInit,
  headers: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<Response> {
  const tooLate = new AbortController();
  const timer = setTimeout(() => tooLate.abort(new Error(`no answer within ${HEADERS_MS / 1000} s`)), HEADERS_MS);
  try {
    return await fetch(url, {
      headers: { ...init.headers, 'Accept-Encoding': 'identity', ...headers },
      redirect: 'manual',
      cache: 'no-store',
      signal: AbortSignal.any([signal, tooLate.signal]),
    });
  } finally {
    clearTimeout(timer);
  }
}

/** What is wrong with an answer that should be a stream. */
function refusalOf({ status, headers }: Response): string | undefined {
  if (status !== 200) return `it answered ${status}`;
  const type = headers.get('content-type') ?? 'nothing';
  if (!/^\s*text\/event-stream\s*(;|$)/i.test(type))
    return `it answered with ${type.slice(0, 100)}, not an event stream`;
  const encoding = headers.get('content-encoding') ?? 'identity';
  return encoding === 'identity' ? undefined : `it compressed the stream unasked (${encoding.slice(0, 100)})`;
}

/** Whether an answer may be another one in a moment, as from a proxy whose hive restarts. */
const isPassing = (status: number): boolean => status >= 500 || [408, 425, 429].includes(status);

/** Passes the stream on and breaks it off at an event that grows beyond the limit. */
function boundedEvents(
  body: ReadableStream<Uint8Array>,
  onFailure: GuardedFetchOptions['onFailure'],
): ReadableStream<Uint8Array> {
  const reader = body.getReader();
  const meter = new EventMeter();
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      try {
        const { done, value } = await reader.read();
        if (done) {
          onFailure({ kind: 'broken', reason: 'it ended the stream' });
          controller.close();
          return;
        }
        if (meter.take(value) > limits.EVENT_BYTES_MAX) throw new Error('it sent an event of over 1 MiB');
        controller.enqueue(value);
      } catch (error) {
        onFailure({ kind: 'broken', reason: describeError(error) });
        await reader.cancel().catch(() => undefined);
        controller.error(error);
      }
    },
    cancel: (reason) => reader.cancel(reason),
  });
}

/** Counts the bytes since the last blank line. */
class EventMeter {
  private pending = 0;
  private atLineStart = true;

  /** The size in bytes that the largest event in or across this chunk has reached. */
  take(chunk: Uint8Array): number {
    let largest = 0;
    for (const byte of chunk) {
      if (byte === CARRIAGE_RETURN) continue;
      this.pending += 1;
      if (byte === LINE_FEED && this.atLineStart) {
        largest = Math.max(largest, this.pending);
        this.pending = 0;
      }
      this.atLineStart = byte === LINE_FEED;
    }
    return Math.max(largest, this.pending);
  }
}
