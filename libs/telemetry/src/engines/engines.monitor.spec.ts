import { describe, expect, it } from '@jest/globals';

import { engineCapture } from '#testing';

import { bench, MODELS, says, TestServer, vllm, type Handler } from './test/engine-bench.js';

describe('EnginesMonitor', () => {
  it('is absent where there are no servers', async () => {
    const { monitor, sightings } = bench();
    expect(await monitor.read()).toBe('absent');
    sightings.servers = [];
    expect(await monitor.read()).toBe('absent');
  });

  it('tells the numbers at once and the rates from the second answer on', async () => {
    await using server = await TestServer.start({
      '/metrics': says(200, engineCapture('made-vllm-0.11/metrics.txt')),
      '/v1/models': says(200, engineCapture('made-vllm-0.11/models.json')),
    });
    const at = bench();
    at.sees(server);
    const first = await at.readOne();
    expect(first).toEqual({
      has_answered: true,
      model: 'qwen3-32b',
      requests_running: 7,
      requests_waiting: 2,
      tokens_per_s: null,
      prompt_tokens_per_s: null,
      kv_cache_pct: 31.3,
      ttft_ms_p50: null,
      ttft_ms_p95: null,
      context_max: 40_960,
      idle_s: 0,
      error: null,
    });
    expect(await at.readOne(1000)).toEqual({ ...first, tokens_per_s: 0, prompt_tokens_per_s: 0 });
    expect(server.asked).toEqual(['/metrics', '/v1/models', '/metrics']);
  });

  it('makes rates of counters, percentiles of a minute of buckets, and starts anew after a reset', async () => {
    let [tokens, fast, slow] = [1000, 0, 0];
    const metrics: Handler = (response) =>
      response.end(
        vllm(
          1,
          tokens,
          `vllm:prompt_tokens_total{engine="0"} ${tokens / 4}\n` +
            `vllm:time_to_first_token_seconds_bucket{le="0.1"} ${fast}\n` +
            `vllm:time_to_first_token_seconds_bucket{le="0.5"} ${fast + slow}\n` +
            `vllm:time_to_first_token_seconds_bucket{le="+Inf"} ${fast + slow}\n`,
        ),
      );
    await using server = await TestServer.start({ '/metrics': metrics, '/v1/models': MODELS });
    const at = bench();
    at.sees(server);
    await at.readOne();
    [tokens, fast, slow] = [1150, 10, 10];
    expect(await at.readOne(1000)).toMatchObject({
      tokens_per_s: 150,
      prompt_tokens_per_s: 37.5,
      ttft_ms_p50: 100,
      ttft_ms_p95: 460,
    });
    expect(await at.readOne(2000)).toMatchObject({ tokens_per_s: 0, ttft_ms_p50: 100, ttft_ms_p95: 460 });
    [tokens, fast, slow] = [100, 0, 0];
    expect(await at.readOne(1000)).toMatchObject({ tokens_per_s: null, ttft_ms_p50: null });
    tokens = 200;
    expect(await at.readOne(1000)).toMatchObject({ tokens_per_s: 100, ttft_ms_p50: null });
  });

  it('forgets requests that are more than a minute old', async () => {
    let count = 0;
    const buckets: Handler = (response) =>
      response.end(
        ['0.1', '+Inf'].map((le) => `vllm:time_to_first_token_seconds_bucket{le="${le}"} ${count}\n`).join(''),
      );
    await using server = await TestServer.start({ '/metrics': buckets, '/v1/models': MODELS });
    const at = bench();
    at.sees(server);
    await at.readOne();
    count = 4;
    for (let second = 1; second <= 55; second++) expect((await at.readOne(1000)).ttft_ms_p50).toBe(50);
    for (let second = 56; second <= 70; second++) await at.readOne(1000);
    expect((await at.readOne(1000)).ttft_ms_p50).toBeNull();
  });

  it('knows how long no request has run, whatever shows that one did', async () => {
    let body = vllm(0, 10);
    await using server = await TestServer.start({ '/metrics': (response) => response.end(body), '/v1/models': MODELS });
    const at = bench();
    at.sees(server);
    expect((await at.readOne()).idle_s).toBe(0);
    expect((await at.readOne(1000)).idle_s).toBe(1);
    expect((await at.readOne(2500)).idle_s).toBe(3.5);
    body = vllm(1, 10);
    expect((await at.readOne(1000)).idle_s).toBe(0);
    body = vllm(0, 10);
    expect((await at.readOne(1000)).idle_s).toBe(1);
    // A request that began and ended between two answers.
    body = vllm(0, 30);
    expect((await at.readOne(1000)).idle_s).toBe(0);
    body = 'vllm:num_requests_waiting 1\n';
    expect(await at.readOne(1000)).toMatchObject({ idle_s: null, requests_waiting: 1 });
  });

  it('asks each path at its own pace, and never two at once', async () => {
    await using server = await TestServer.start({ '/metrics': says(200, vllm(0)), '/v1/models': MODELS });
    const at = bench(250);
    at.sees(server);
    await at.read();
    for (let quarter = 0; quarter < 4 * 61; quarter++) await at.read(250);
    expect(server.count('/metrics')).toBeGreaterThanOrEqual(61);
    expect(server.count('/metrics')).toBeLessThanOrEqual(82);
    expect(server.count('/v1/models')).toBe(3);
    expect(server.inFlightMax).toBe(1);
  });

  it('asks vLLM for the metrics that it takes, and for all where vLLM has none by their names', async () => {
    let byName = vllm(1);
    const metrics: Handler = (response, { url }) => response.end(url?.includes('?') ? byName : vllm(2));
    await using server = await TestServer.start({ '/metrics': metrics, '/v1/models': MODELS });
    const at = bench();
    at.sees(server);
    for (let second = 0; second < 10; second++) expect((await at.readOne(1000)).requests_running).toBe(1);
    expect(server.urls[0]).toContain('/metrics?name%5B%5D=vllm:num_requests_running&name%5B%5D=vllm:');
    expect(server.urls.filter((url) => url === '/metrics')).toEqual([]);
    byName = '';
    for (let second = 0; second < 10; second++) {
      expect(await at.readOne(1000)).toMatchObject({ requests_running: 2, error: null });
    }
    expect(server.urls.filter((url) => url === '/metrics')).toHaveLength(10);
    expect(server.count('/metrics')).toBe(21);
  });

  it('does not skip a second because a sample came a little early', async () => {
    await using server = await TestServer.start({ '/metrics': says(200, vllm(0)), '/v1/models': MODELS });
    const at = bench();
    at.sees(server);
    await at.read();
    for (let second = 0; second < 20; second++) await at.read(second % 2 === 0 ? 990 : 1010);
    expect(server.count('/metrics')).toBe(21);
  });
});
