import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';

import { describe, expect, it } from '@jest/globals';

import { VERSION } from '#service-kit';
import { eventually } from '#testing';

import { LoopbackConnection } from './loopback-connection.js';

/** A server of a test's own that says what it likes, byte for byte. */
class RawServer implements AsyncDisposable {
  readonly requests: string[] = [];
  readonly sockets = new Set<Socket>();
  accepted = 0;

  private constructor(
    private readonly server: Server,
    readonly host: string,
  ) {}

  /** `answer` is called with every request, and how many came before it on the same connection. */
  static async start(answer: (socket: Socket, before: number) => void, host = '127.0.0.1'): Promise<RawServer> {
    const raw = new RawServer(createServer(), host);
    raw.server.on('connection', (socket) => {
      raw.accepted++;
      raw.sockets.add(socket);
      let before = 0;
      socket.on('error', () => undefined);
      socket.on('close', () => raw.sockets.delete(socket));
      socket.on('data', (bytes) => {
        raw.requests.push(bytes.toString());
        answer(socket, before++);
      });
    });
    raw.server.listen(0, host);
    await once(raw.server, 'listening');
    return raw;
  }

  get origin(): string {
    const { port } = this.server.address() as AddressInfo;
    return `http://${this.host.includes(':') ? `[${this.host}]` : this.host}:${port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    const closed = once(this.server, 'close');
    this.server.close();
    await closed;
  }
}

const OK = 'HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello';
const HELLO = { kind: 'answer', status: 200, body: 'hello' };

describe('LoopbackConnection', () => {
  it('asks with a GET and nothing that tells who asks but the version, over one connection', async () => {
    await using server = await RawServer.start((socket) => socket.write(OK));
    using connection = new LoopbackConnection(server.origin, true);
    for (let round = 0; round < 3; round++) expect(await connection.get('/metrics')).toEqual(HELLO);
    expect(server.accepted).toBe(1);
    expect(server.requests[0]).toBe(
      `GET /metrics HTTP/1.1\r\nHost: ${server.origin.slice(7)}\r\nUser-Agent: apiary-hive/${VERSION}\r\n` +
        'Accept: text/plain, application/json\r\nConnection: keep-alive\r\n\r\n',
    );
  });

  it('takes a new connection for every request where none is to be kept', async () => {
    await using server = await RawServer.start((socket) => socket.write(OK));
    using connection = new LoopbackConnection(server.origin, false);
    for (let round = 0; round < 3; round++) expect(await connection.get('/')).toEqual(HELLO);
    expect(server.accepted).toBe(3);
    expect(server.requests[0]).toContain('Connection: close\r\n');
    await eventually('none is left open', () => server.sockets.size === 0);
  });

  it('speaks to the loopback address of IPv6', async () => {
    await using server = await RawServer.start((socket) => socket.write(OK), '::1');
    using connection = new LoopbackConnection(server.origin, true);
    expect(await connection.get('/')).toEqual(HELLO);
    expect(server.requests[0]).toContain(`Host: ${server.origin.slice(7)}\r\n`);
  });

  it.each(['http://10.0.0.1:8000', 'http://example.com', 'https://127.0.0.1:8000', 'http://127.0.0.1.example.com'])(
    'refuses %s',
    (origin) => {
      expect(() => new LoopbackConnection(origin, true)).toThrow('is not plain HTTP to this machine');
    },
  );

  it('gives a redirect as the answer that it is', async () => {
    const moved = 'HTTP/1.1 302 Found\r\nlocation: http://10.0.0.1/\r\ncontent-length: 0\r\n\r\n';
    await using server = await RawServer.start((socket) => socket.write(moved));
    using connection = new LoopbackConnection(server.origin, true);
    expect(await connection.get('/')).toEqual({ kind: 'answer', status: 302, body: '' });
    expect(server.requests).toHaveLength(1);
  });

  it('asks once more where the server closed the connection that it had kept', async () => {
    await using server = await RawServer.start((socket, before) =>
      before === 0 ? socket.write(OK) : socket.destroy(),
    );
    using connection = new LoopbackConnection(server.origin, true);
    for (let round = 0; round < 3; round++) expect(await connection.get('/')).toEqual(HELLO);
    expect([server.accepted, server.requests.length]).toEqual([3, 5]);
  });

  it('does not ask a second time where a new connection is closed without an answer', async () => {
    await using server = await RawServer.start((socket) => socket.end());
    using connection = new LoopbackConnection(server.origin, true);
    expect(await connection.get('/')).toEqual({
      kind: 'silence',
      error: 'it closed the connection without an answer',
    });
    expect(server.requests).toHaveLength(1);
  });

  it('forgets a connection that was closed, or on which something came unasked', async () => {
    await using server = await RawServer.start((socket) => socket.write(OK));
    using connection = new LoopbackConnection(server.origin, true);
    expect(await connection.get('/')).toEqual(HELLO);
    for (const socket of server.sockets) socket.write(OK);
    await eventually('it is closed', () => server.sockets.size === 0);
    expect(await connection.get('/')).toEqual(HELLO);
    expect(server.requests).toHaveLength(2);
  });

  it.each<[string, (socket: Socket) => void, object]>([
    [
      'ends in the middle',
      (socket) => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\nhello'),
      { kind: 'silence', error: 'the connection ended before the answer did' },
    ],
    [
      'resets in the middle',
      (socket) => socket.write('HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\nhello', () => socket.resetAndDestroy()),
      { kind: 'silence' },
    ],
    ['has a body up to its end', (socket) => socket.end('HTTP/1.1 200 OK\r\n\r\nhello'), HELLO],
    ['speaks another protocol', (socket) => socket.end('+OK POP3 ready\r\n'), { kind: 'nonsense' }],
    [
      'sends 10 MiB',
      (socket) => socket.write(`HTTP/1.1 200 OK\r\n\r\n${'a'.repeat(10 * 1024 * 1024)}`),
      { kind: 'nonsense', error: 'its answer is larger than 2 MiB' },
    ],
  ])('knows a server that %s', async (_, answer, outcome) => {
    await using server = await RawServer.start(answer);
    using connection = new LoopbackConnection(server.origin, true);
    expect(await connection.get('/')).toMatchObject(outcome);
    await eventually('the connection is closed', () => server.sockets.size === 0);
  });

  it('puts an answer together that comes byte by byte', async () => {
    await using server = await RawServer.start((socket) => {
      for (const byte of Buffer.from(OK)) socket.write(Buffer.of(byte));
    });
    using connection = new LoopbackConnection(server.origin, true);
    expect(await connection.get('/')).toEqual(HELLO);
  });

  it('says that nobody listens', async () => {
    const server = await RawServer.start(() => undefined);
    const { origin } = server;
    await server[Symbol.asyncDispose]();
    using connection = new LoopbackConnection(origin, true);
    expect(await connection.get('/')).toEqual({ kind: 'silence', error: `connect ECONNREFUSED ${origin.slice(7)}` });
  });

  it('hangs up on a server that does not answer, and asks anew after', async () => {
    await using server = await RawServer.start((socket) => (server.accepted > 1 ? socket.write(OK) : undefined));
    using connection = new LoopbackConnection(server.origin, true);
    const asked = connection.get('/');
    await eventually('it was asked', () => server.requests.length === 1);
    expect(() => connection.get('/')).toThrow('one request at a time');
    connection.hangUp('too slow');
    expect(await asked).toEqual({ kind: 'silence', error: 'too slow' });
    expect(await connection.get('/')).toEqual(HELLO);
    expect(server.accepted).toBe(2);
  });
});
