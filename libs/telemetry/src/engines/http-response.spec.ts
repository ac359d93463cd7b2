import { describe, expect, it } from '@jest/globals';

import { BODY_BYTES_MAX, type HttpAnswer, HttpResponse } from './http-response.js';

const OK = 'HTTP/1.1 200 OK\r\n';
const sized = (body: string, more = ''): string =>
  `${OK}Content-Type: text/plain\r\n${more}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
const CHUNKED = `${OK}Transfer-Encoding: chunked\r\n\r\n`;

/** Reads it in pieces of that many bytes. */
function read(text: string, pieceBytes = text.length): HttpAnswer | undefined {
  const response = new HttpResponse();
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; at += pieceBytes) {
    const answer = response.push(bytes.subarray(at, at + pieceBytes));
    if (answer !== undefined) return answer;
  }
  return undefined;
}

describe('HttpResponse', () => {
  it.each<[string, string, HttpAnswer]>([
    ['a length', sized('hällo'), { status: 200, body: 'hällo', reusable: true }],
    ['a length of 0', sized(''), { status: 200, body: '', reusable: true }],
    [
      'chunks',
      `${CHUNKED}5\r\nhello\r\n6;x=1\r\n\r\nwor\n\r\n2 \r\nld\r\n0\r\n\r\n`,
      { status: 200, body: 'hello\r\nwor\nld', reusable: true },
    ],
    ['"Connection: close"', sized('a', 'connection: Close\r\n'), { status: 200, body: 'a', reusable: false }],
    ['HTTP/1.0', sized('a').replace('1.1', '1.0'), { status: 200, body: 'a', reusable: false }],
    ['no body', 'HTTP/1.1 204 No Content\r\n\r\n', { status: 204, body: '', reusable: true }],
    ['no reason', 'HTTP/1.1 404 \r\ncontent-length: 2\r\n\r\nno', { status: 404, body: 'no', reusable: true }],
    ['"Continue" before it', `HTTP/1.1 100 Continue\r\n\r\n${sized('a')}`, { status: 200, body: 'a', reusable: true }],
    ['the same length twice', sized('a', 'content-length: 1\r\n'), { status: 200, body: 'a', reusable: true }],
    ['a header without a colon', sized('a', 'odd\r\n'), { status: 200, body: 'a', reusable: true }],
  ])('reads an answer with %s, in one piece or many', (_, text, answer) => {
    for (const pieceBytes of [1, 2, 3, 7, 64, 65_536]) expect(read(text, pieceBytes)).toEqual(answer);
  });

  it('reads to the end of the connection where nothing else says how long it is', () => {
    const response = new HttpResponse();
    expect(response.push(Buffer.from(`${OK}\r\nhel`))).toBeUndefined();
    expect(response.push(Buffer.from('lo'))).toBeUndefined();
    expect(response.end()).toEqual({ status: 200, body: 'hello', reusable: true });
  });

  it('does not use a connection again on which more came than was asked for', () => {
    expect(read(`${sized('a')}HTTP/1.1 200`)?.reusable).toBe(false);
    expect(read(`${CHUNKED}0\r\nX-Trailer: 1\r\n\r\n`)?.reusable).toBe(false);
  });

  it.each([
    ['another protocol', 'SSH-2.0-OpenSSH_9.6\r\n', 'it does not speak HTTP'],
    ['TLS', '\u0015\u0003\u0001\u0000\u0002\u0002P', 'it does not speak HTTP'],
    ['HTTP/2', 'HTTP/2 200\r\n\r\n', 'it does not speak HTTP/1.1'],
    ['an odd status', 'HTTP/1.1 999 Hm\r\n\r\n', 'it does not speak HTTP/1.1'],
    ['a length that is none', `${OK}content-length: -1\r\n\r\n`, 'its content-length is malformed'],
    ['two lengths', `${OK}content-length: 1\r\ncontent-length: 2\r\n\r\n`, 'its content-length is malformed'],
    ['a length and chunks', `${OK}content-length: 1\r\ntransfer-encoding: chunked\r\n\r\n`, 'unknown way'],
    ['an encoding', `${OK}transfer-encoding: gzip, chunked\r\n\r\n`, 'unknown way'],
    ['chunks that are none', `${CHUNKED}zz\r\n`, 'its chunks are malformed'],
    ['a chunk line without an end', `${CHUNKED}${'0'.repeat(300)}`, 'its chunks are malformed'],
    ['a head without an end', `${OK}${'a: b\r\n'.repeat(4000)}`, 'its head is too long'],
    ['an announced 10 MiB', `${OK}content-length: 10485760\r\n\r\n`, 'its answer is larger than 2 MiB'],
    ['a chunk of 4 GiB', `${CHUNKED}ffffffff\r\n`, 'its answer is larger than 2 MiB'],
  ])('refuses %s', (_, text, error) => {
    expect(() => read(text)).toThrow(error);
    expect(() => read(text, 5)).toThrow(error);
  });

  it('refuses more than 2 MiB however it is sent', () => {
    const piece = Buffer.alloc(64 * 1024, 'a');
    const chunk = Buffer.concat([Buffer.from('10000\r\n'), piece, Buffer.from('\r\n')]);
    for (const [head, part] of [
      [`${OK}\r\n`, piece],
      [CHUNKED, chunk],
    ] as const) {
      const response = new HttpResponse();
      response.push(Buffer.from(head));
      let bytes = 0;
      const flood = (): void => {
        for (; bytes < 4 * BODY_BYTES_MAX; bytes += piece.length) response.push(part);
      };
      expect(flood).toThrow('its answer is larger than 2 MiB');
      expect(bytes).toBeLessThanOrEqual(BODY_BYTES_MAX);
    }
  });

  it('gets through a body of tiny chunks', () => {
    expect(read(`${CHUNKED}${'1\r\na\r\n'.repeat(200_000)}0\r\n\r\n`, 65_536)?.body).toHaveLength(200_000);
  });

  it.each(['', OK, sized('hello').slice(0, -1), `${CHUNKED}5\r\nhel`])(
    'has no answer in the half of one: %j',
    (half) => {
      const response = new HttpResponse();
      expect(response.push(Buffer.from(half))).toBeUndefined();
      expect(() => response.end()).toThrow('the connection ended before the answer did');
    },
  );

  it('throws nothing but its own errors on random bytes', () => {
    let seed = 7;
    const random = (below: number): number => (seed = (seed * 48_271) % 2_147_483_647) % below;
    const parts = [
      'HTTP/1.1 200 OK',
      '\r\n',
      '\r\n\r\n',
      'content-length: ',
      'transfer-encoding: chunked',
      '5',
      'abc',
      '\u0000',
      ':',
      '0',
    ];
    for (let round = 0; round < 3000; round++) {
      const rest = Array.from({ length: random(12) }, () => parts[random(parts.length)]).join('');
      const text = `HTTP/1.1 200 OK\r\n${rest}`;
      try {
        read(text, 1 + random(9));
      } catch (error) {
        expect(String(error)).toMatch(/^Error: (it|its) /);
      }
    }
  });
});
