import type { ServerResponse } from 'node:http';

import { encodeSse, SSE_HEADERS } from '#service-kit';
import { type FakeHiveOptions, sampleTelemetry } from '#testing';

const TEN_MB = 10 * 1024 * 1024;
const CHUNK = 'x'.repeat(64 * 1024);

type Misbehaviour = (response: ServerResponse, hiveId: string) => void;

/** Ways in which what answers at a hive's URL may be wrong, by name. */
export const HOSTILE = {
  'says nothing': () => undefined,
  'sends headers and nothing else': (response) => stream(response),
  'sends comments only': (response) => every(stream(response), 1_000, () => ':\n\n'),
  'dribbles a byte a second': (response, hiveId) => {
    const bytes = telemetry(hiveId, 1);
    let at = 0;
    every(stream(response), 1_000, () => bytes[at++ % bytes.length] ?? '');
  },
  'sends half an event and hangs': (response, hiveId) => {
    const event = telemetry(hiveId, 1);
    stream(response).write(event.slice(0, event.length / 2));
  },
  'sends garbage': (response) =>
    every(stream(response), 100, () => 'data: {"type":"telemetry",\u0000\n\nnonsense\n\r\n'),
  'sends 10 MB without a newline': (response) => pour(stream(response), TEN_MB),
  'never ends its line': (response) => pour(stream(response), Number.POSITIVE_INFINITY),
  'is another hive': (response) => every(stream(response), 500, (turn) => telemetry('good', turn)),
  'asks to be called without pause': (response) => stream(response).end('retry: 0\n\n'),
  'asks for a wait beyond all timers': (response) => stream(response).end('retry: 99999999999\n\n'),
  'names an event error': (response) =>
    every(stream(response), 500, () => encodeSse({ id: '1', event: 'error', data: '{}' })),
  'answers 204': (response) => response.writeHead(204).end(),
  'answers 301': (response) => response.writeHead(301, { Location: '/v1/heartbeats/stream' }).end(),
  'answers 401': (response) => response.writeHead(401).end('who are you?'),
  'answers 500': (response) => response.writeHead(500).end('no'),
  'answers with a page': (response) => response.writeHead(200, { 'Content-Type': 'text/html' }).end('<p>It works!'),
} as const satisfies Record<string, Misbehaviour>;

/** A misbehaviour as a fake hive takes it. */
export const misbehaving =
  (name: keyof typeof HOSTILE, hiveId: string): NonNullable<FakeHiveOptions['misbehave']> =>
  (_, response) => {
    HOSTILE[name](response, hiveId);
    return true;
  };

function telemetry(hiveId: string, seq: number): string {
  return encodeSse({ id: `x:${seq}`, event: 'heartbeat', data: JSON.stringify(sampleTelemetry(hiveId, seq)) });
}

function stream(response: ServerResponse): ServerResponse {
  response.writeHead(200, SSE_HEADERS);
  response.flushHeaders();
  return response;
}

function every(response: ServerResponse, ms: number, text: (turn: number) => string): void {
  let turn = 0;
  const timer = setInterval(() => response.write(text(++turn)), ms);
  response.on('close', () => clearInterval(timer));
}

/** Writes as fast as the reader takes it. */
function pour(response: ServerResponse, bytes: number): void {
  let left = bytes;
  const go = (): void => {
    while (left > 0 && !response.destroyed) {
      left -= CHUNK.length;
      if (!response.write(CHUNK)) {
        response.once('drain', go);
        return;
      }
    }
  };
  go();
}
