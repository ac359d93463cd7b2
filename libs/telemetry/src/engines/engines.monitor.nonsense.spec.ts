import { describe, expect, it } from '@jest/globals';

import { engineCapture } from '#testing';

import { bench, MODELS, says, TestServer, vllm, type Handler } from './test/engine-bench.js';

describe('EnginesMonitor, of servers that answer something else', () => {
  it.each<[string, Handler, string]>([
    ['asks for a key', says(401), 'the server asks for a key'],
    ['forbids it', says(403), 'the server asks for a key'],
    ['has no metrics', says(404), 'it answers 404 to /metrics'],
    [
      'sends elsewhere',
      (response) => response.writeHead(302, { location: '/other' }).end(),
      'it answers 302 to /metrics',
    ],
    ['has a web page there', says(200, '<!doctype html>'), 'it tells none of the numbers that are known of it'],
    ['sends half a line', says(200, 'vllm:num_requests_running{'), '/metrics: a line of vllm:num_requests_running'],
    ['sends 10 MiB', says(200, 'x'.repeat(10 * 1024 * 1024)), 'its answer is larger than 2 MiB'],
  ])('knows one that %s', async (_, metrics, error) => {
    await using server = await TestServer.start({ '/metrics': metrics, '/other': says(200, vllm(1)) });
    const at = bench();
    at.sees(server);
    const observation = await at.readOne();
    expect(observation).toMatchObject({ has_answered: true, requests_running: null });
    expect(observation.error).toContain(error);
    for (let second = 0; second < 30; second++) await at.readOne(1000);
    expect(server.count('/other')).toBe(0);
    expect(server.count('/metrics')).toBeLessThanOrEqual(33);
    expect((await at.readOne()).error).toContain(error);
  });

  it('leaves one alone that asks for a key, until it is another process', async () => {
    await using server = await TestServer.start({ '/metrics': says(401), '/v1/models': says(401) });
    const at = bench();
    at.sees(server);
    for (let second = 0; second < 290; second++) await at.readOne(1000);
    expect(server.asked).toEqual(['/metrics', '/metrics', '/v1/models']);
    await at.readOne(20_000);
    expect(server.asked).toHaveLength(6);
    at.sees({ origin: server.origin, pid: 5 });
    await at.readOne(1000);
    expect(server.asked).toHaveLength(9);
  });

  it('takes the slots of a llama-server without --metrics', async () => {
    await using server = await TestServer.start({
      '/metrics': says(501, '{}'),
      '/slots': says(200, engineCapture('llama.cpp/slots.json')),
      '/props': says(200, engineCapture('llama.cpp/props.json')),
    });
    const at = bench();
    at.sees({ origin: server.origin, engine: 'llama.cpp' });
    for (let second = 0; second < 10; second++) await at.readOne(1000);
    expect(await at.readOne()).toMatchObject({
      model: 'Meta-Llama-3.1-8B-Instruct-Q4_K_M.gguf',
      requests_running: 2,
      tokens_per_s: null,
      idle_s: 0,
      error: 'it answers 501 to /metrics, which needs --metrics',
    });
    expect([server.count('/metrics'), server.count('/slots'), server.count('/props')]).toEqual([1, 10, 1]);
  });

  it('takes the model of a llama-server that asks for a key from the list that is open', async () => {
    const closed = says(401);
    await using server = await TestServer.start({
      '/metrics': closed,
      '/slots': closed,
      '/props': closed,
      '/v1/models': says(200, engineCapture('llama.cpp/models.json')),
    });
    const at = bench();
    at.sees({ origin: server.origin, engine: 'llama.cpp' });
    await at.readOne();
    expect(await at.readOne(60_000)).toMatchObject({
      has_answered: true,
      model: 'Meta-Llama-3.1-8B-Instruct-Q4_K_M.gguf',
      requests_running: null,
      error: 'the server asks for a key',
    });
  });

  it('evens out what a llama-server counts at the end of each request', async () => {
    let tokens = 0;
    await using server = await TestServer.start({
      '/metrics': (response) =>
        response.end(`llamacpp:requests_processing 1\nllamacpp:tokens_predicted_total ${tokens}\n`),
    });
    const at = bench();
    at.sees({ origin: server.origin, engine: 'llama.cpp' });
    for (let second = 0; second < 61; second++) {
      if (second % 20 === 0) tokens += 600;
      await at.readOne(1000);
    }
    expect((await at.readOne(1000)).tokens_per_s).toBeCloseTo(30, -1);
  });

  it('finds the metrics of Triton two ports up, and the models of Ollama', async () => {
    await using metrics = await TestServer.start({
      '/metrics': says(200, engineCapture('triton-trt-llm-23.11/metrics.txt')),
    });
    await using ollama = await TestServer.start({ '/api/ps': says(200, engineCapture('ollama/ps.json')) });
    const origin = new URL(metrics.origin);
    origin.port = String(Number(origin.port) - 2);
    const at = bench();
    at.sees({ origin: origin.origin, engine: 'triton' }, { origin: ollama.origin, engine: 'ollama' });
    const reading = await at.read();
    expect(reading.get('vllm/0')).toMatchObject({ model: 'tensorrt_llm', requests_running: 1, kv_cache_pct: 0 });
    expect(reading.get('vllm/1')).toMatchObject({
      model: 'gemma3',
      context_max: 4096,
      requests_running: null,
      error: 'Ollama tells its models, but no requests and tokens',
    });
  });

  it('asks an engine that it does not know for its model', async () => {
    await using server = await TestServer.start({ '/v1/models': MODELS });
    const at = bench();
    at.sees({ origin: server.origin, engine: 'koboldcpp' });
    for (let second = 0; second < 20; second++) await at.readOne(1000);
    expect(await at.readOne()).toMatchObject({
      has_answered: true,
      model: 'served-name',
      context_max: 4096,
      idle_s: null,
      error: 'this engine is asked for its model only',
    });
    expect(server.asked).toEqual(['/v1/models']);
  });

  it('never asks anything outside this machine', async () => {
    const at = bench();
    at.sees({ origin: 'http://192.0.2.1:8000' });
    expect((await at.readOne()).error).toContain('http://192.0.2.1:8000 is not plain HTTP to this machine');
  });
});
