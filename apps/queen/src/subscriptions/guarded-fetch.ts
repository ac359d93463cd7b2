import { get as httpGet, type IncomingMessage } from 'node:http';
import { get as httpsGet } from 'node:https';

import { describeError, limits } from '#contracts';
import type { EventSourceFetchInit, FetchLike, FetchLikeResponse } from 'eventsource';

import { EventMeter } from './event-meter.js';
import { StreamReader } from './stream-reader.js';

/** Time until the headers of a stream must be there, in ms. */
const HEADERS_MS = 5_000;
/** EventSource compares the type letter by letter; what is a stream was decided before. */
const STREAM_HEADERS = new Headers({ 'content-type': 'text/event-stream' });

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
 * limit, inflates whatever comes, and does not cancel the body of a refusal. Nothing of that gets through here. Over
 * `node:http`, because the platform's own `fetch` costs several times as much for each event that arrives.
 */
export function guardedFetch({ headers, signal, onFailure }: GuardedFetchOptions): FetchLike {
  return async (url, init): Promise<FetchLikeResponse> => {
    const response = await open(url, init, headers, signal).catch((error: unknown) => {
      onFailure({ kind: 'unreachable', reason: describeError(error) });
      throw error;
    });
    const { statusCode: status = 0 } = response;
    const refusal = refusalOf(response);
    if (refusal === undefined) {
      const broken = (reason: string): void => onFailure({ kind: 'broken', reason });
      const body = { getReader: () => new StreamReader(response, new EventMeter(limits.EVENT_BYTES_MAX), broken) };
      return { status, url: String(url), redirected: false, headers: STREAM_HEADERS, body };
    }
    response.destroy();
    onFailure({ kind: isPassing(status) ? 'unreachable' : 'refused', reason: refusal });
    throw new Error(refusal);
  };
}

function open(
  url: string | URL,
  init: EventSourceFetchInit,
  headers: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const get = new URL(url).protocol === 'https:' ? httpsGet : httpGet;
    const options = { agent: false, signal, headers: { ...init.headers, 'Accept-Encoding': 'identity', ...headers } };
    const request = get(url, options, (response) => {
      clearTimeout(timer);
      resolve(response);
    });
    const timer = setTimeout(() => request.destroy(new Error(`no answer within ${HEADERS_MS / 1000} s`)), HEADERS_MS);
    request.on('error', (error) => {
      clearTimeout(timer);
      reject(error);
    });
  });
}

/** What is wrong with an answer that should be a stream. */
function refusalOf({ statusCode = 0, headers }: IncomingMessage): string | undefined {
  if (statusCode !== 200) return `it answered ${statusCode}`;
  const type = headers['content-type'] ?? 'nothing';
  if (!/^\s*text\/event-stream\s*(;|$)/i.test(type))
    return `it answered with ${type.slice(0, 100)}, not an event stream`;
  const encoding = headers['content-encoding'] ?? 'identity';
  return encoding === 'identity' ? undefined : `it compressed the stream unasked (${encoding.slice(0, 100)})`;
}

/** Whether an answer may be another one in a moment, as from a proxy whose hive restarts. */
const isPassing = (status: number): boolean => status >= 500 || [408, 425, 429].includes(status);
