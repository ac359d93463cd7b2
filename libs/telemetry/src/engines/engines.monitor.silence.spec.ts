import { describe, expect, it } from '@jest/globals';

import { engineCapture, eventually } from '#testing';

import { VISITS_AT_ONCE_MAX, VISITS_PER_S_MAX } from './engines.monitor.js';
import { bench, hangs, MODELS, says, TestServer, vllm, type Handler } from './test/engine-bench.js';

describe('EnginesMonitor, of servers that do not answer', () => {
  it('gives what it knows while one hangs, nulls after 5 s, and the rest of the servers all the while', async () => {
    await using good = await TestServer.start({ '/metrics': says(200, vllm(3)), '/v1/models': MODELS });
    await using bad = await TestServer.start({ '/metrics': says(200, vllm(5, 7)), '/v1/models': MODELS });
    const at = bench();
    at.sees(bad, good);
    expect(await at.readOne()).toMatchObject({ requests_running: 5, error: null });
    bad.paths = { '/metrics': hangs };
    let seconds = 1;
    const goodDid = (): boolean => good.count('/metrics') > seconds;
    expect(await at.readOne(1000, goodDid)).toMatchObject({ requests_running: 5, error: null });
    await at.giveUp();
    for (; seconds < 20; seconds++) {
      const reading = await at.read(400, () => good.count('/metrics') > seconds);
      expect(reading.get('vllm/1')).toMatchObject({ requests_running: 3, error: null });
      await at.giveUp();
    }
    const stale = await at.readOne(400, goodDid);
    await at.giveUp();
    expect(stale).toMatchObject({
      has_answered: true,
      model: 'served-name',
      context_max: 4096,
      requests_running: null,
      tokens_per_s: null,
      idle_s: null,
    });
    expect(stale.error).toMatch(/^no answer within 500 ms, since 2026-01-01T00:00:0\d\.\d+Z$/);
    expect(bad.inFlightMax).toBe(1);
    bad.paths = { '/metrics': says(200, vllm(6, 7)), '/v1/models': MODELS };
    expect(await at.readOne(30_000)).toMatchObject({ requests_running: 6, idle_s: 0, error: null });
  });

  it('waits no more than its share of the interval for answers, and has them in the next reading', async () => {
    let finish = (): void => undefined;
    await using server = await TestServer.start({
      '/metrics': (response) => (finish = () => response.end(vllm(2))),
      '/v1/models': MODELS,
    });
    const at = bench();
    at.sees(server);
    const reading = at.monitor.read();
    await eventually('it is asked', () => server.asked.length === 1);
    let ended = false;
    void reading.then(() => (ended = true));
    at.clock.advance(99);
    await new Promise((resolve) => setImmediate(resolve));
    expect(ended).toBe(false);
    at.clock.advance(1);
    expect(await reading).toMatchObject({
      engines: new Map([['vllm/0', { has_answered: null, requests_running: null }]]),
    });
    finish();
    await eventually('both questions are answered', () => server.asked.length === 2);
    await eventually('its numbers are in the reading', async () => (await at.readOne(1)).requests_running === 2);
    expect(server.count('/metrics')).toBe(1);
  });

  it('backs off from a server that answered before, up to 30 s', async () => {
    await using server = await TestServer.start({ '/metrics': says(200, vllm(0)), '/v1/models': MODELS });
    const at = bench();
    at.sees(server);
    await at.readOne();
    server.paths = { '/metrics': says(503) };
    const asked: number[] = [];
    for (let second = 1; second <= 100; second++) {
      const before = server.asked.length;
      await at.readOne(1000);
      if (server.asked.length > before) asked.push(second);
    }
    expect(asked).toEqual([1, 2, 4, 8, 16, 32, 62, 92]);
    expect((await at.readOne()).error).toMatch(/^it answers 503 to \/metrics, since /);
  });

  it('sees within 3 s that a server which loaded its model answers, however long that took', async () => {
    const loading = says(503, engineCapture('llama.cpp/loading.json'));
    await using server = await TestServer.start({ '/metrics': loading, '/slots': loading, '/props': loading });
    const at = bench();
    at.sees({ origin: server.origin, engine: 'llama.cpp' });
    for (let second = 0; second < 300; second++) await at.readOne(1000);
    expect(await at.readOne()).toMatchObject({ has_answered: false, requests_running: null });
    expect(server.asked.length).toBeGreaterThan(90);
    expect(server.asked.length).toBeLessThan(160);
    server.paths = {
      '/metrics': says(200, engineCapture('llama.cpp/made-metrics.txt')),
      '/props': says(200, engineCapture('llama.cpp/props.json')),
    };
    let seconds = 0;
    while ((await at.readOne(1000)).has_answered !== true) seconds++;
    expect(seconds).toBeLessThan(3);
    expect(await at.readOne()).toMatchObject({ requests_running: 2, requests_waiting: 1, context_max: 1024 });
  });

  it('asks at once when another process took the port, and forgets what the one before said', async () => {
    await using server = await TestServer.start({ '/metrics': says(200, vllm(1)), '/v1/models': MODELS });
    const at = bench();
    at.sees(server);
    await at.readOne();
    server.paths = { '/metrics': says(503) };
    for (let second = 0; second < 40; second++) await at.readOne(1000);
    const before = server.asked.length;
    server.paths = { '/metrics': says(200, vllm(4)) };
    at.sees({ origin: server.origin, startTicks: 2 });
    expect(await at.readOne(10)).toMatchObject({ requests_running: 4, model: 'm', tokens_per_s: null, idle_s: 0 });
    expect(server.asked.length).toBe(before + 2);
    at.sees({ origin: server.origin, pid: 7 });
    await at.readOne(10);
    expect(server.asked.length).toBe(before + 4);
  });

  it('hangs up on a server that is gone', async () => {
    let closed = false;
    await using server = await TestServer.start({
      '/metrics': (response) => response.on('close', () => (closed = true)),
    });
    const at = bench();
    at.sees(server);
    await at.readOne(0, () => server.asked.length === 1);
    await eventually('it was asked', () => server.asked.length === 1);
    at.sees();
    expect(await at.monitor.read()).toBe('absent');
    await eventually('the connection is closed', () => closed);
  });

  it('says that nobody listens, and that it is still starting', async () => {
    const server = await TestServer.start({});
    const { origin } = server;
    await server[Symbol.asyncDispose]();
    const at = bench();
    at.sees({ origin });
    expect(await at.readOne()).toMatchObject({ has_answered: false, model: null, requests_running: null });
    expect((await at.readOne()).error).toContain(`connect ECONNREFUSED ${origin.slice(7)}, since 2026-01-01T00:00:00`);
  });

  it(`has no more than ${VISITS_AT_ONCE_MAX} requests under way, and serves who answers before who hangs`, async () => {
    const paths = { '/metrics': says(200, vllm(1)), '/v1/models': MODELS };
    const servers = await Promise.all(Array.from({ length: 24 }, () => TestServer.start(paths)));
    try {
      const at = bench();
      at.sees(...servers.map(({ origin }) => ({ origin })));
      await at.read();
      let inFlight = 0;
      const hung: Handler = (response) => {
        inFlight++;
        response.on('close', () => inFlight--);
      };
      const good = servers.slice(16);
      for (const server of servers.slice(0, 16)) server.paths = { '/metrics': hung };
      const unasked = (): number => servers.slice(0, 16).filter((server) => server.asked.length < 3).length;
      while (unasked() > 0) {
        await at.read(500, () => true);
        await at.giveUp();
        await eventually('no more are asked', () => inFlight <= VISITS_AT_ONCE_MAX);
      }
      for (let round = 0; round < 10; round++) {
        const before = good.map((server) => server.count('/metrics'));
        const reading = await at.read(500, () =>
          good.every((server, index) => server.count('/metrics') > before[index]!),
        );
        expect([...reading.values()].slice(16).every(({ requests_running }) => requests_running === 1)).toBe(true);
        await at.giveUp();
      }
    } finally {
      await Promise.all(servers.map((server) => server[Symbol.asyncDispose]()));
    }
  });

  it(`asks no more than ${VISITS_PER_S_MAX} servers a second, in turns, and knows all of them meanwhile`, async () => {
    const paths = { '/metrics': says(200, vllm(1)), '/v1/models': MODELS };
    const servers = await Promise.all(Array.from({ length: 54 }, () => TestServer.start(paths)));
    try {
      const at = bench();
      at.sees(...servers.map(({ origin }) => ({ origin })));
      const visited = (): number => servers.reduce((sum, server) => sum + server.count('/metrics'), 0);
      for (let round = 1; round <= 7; round++) await at.read(1000);
      expect(servers.every((server) => server.count('/metrics') >= 1)).toBe(true);
      expect(visited()).toBe(7 * VISITS_PER_S_MAX);
      for (let round = 1; round <= 14; round++) {
        const before = visited();
        const reading = await at.read(1000);
        expect(visited() - before).toBeLessThanOrEqual(VISITS_PER_S_MAX);
        expect([...reading.values()].filter(({ requests_running }) => requests_running === null)).toEqual([]);
      }
    } finally {
      await Promise.all(servers.map((server) => server[Symbol.asyncDispose]()));
    }
  });
});
