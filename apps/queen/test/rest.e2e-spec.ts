import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import request from 'supertest';

import { eventually, FakeHive, type RunningApp, sampleGpu, sampleWorker } from '#testing';

import { hivesOf, hiveThat, startQueen } from './queen-under-test.js';

describe('REST of the queen', () => {
  let queen: RunningApp;
  let gpuA: FakeHive;
  let gpuB: FakeHive;

  beforeAll(async () => {
    queen = await startQueen();
    gpuA = await FakeHive.start({ hiveId: 'gpu-a' });
    gpuB = await FakeHive.start({ hiveId: 'gpu-b' });
    for (const hive of [gpuA, gpuB]) {
      await hive.announceTo(queen.url);
      await eventually('the stream', () => hive.openStreams === 1);
    }
    gpuA.beat({
      gpus: [sampleGpu({ vram_used_mb: 70_000 })],
      workers: [
        sampleWorker({ worker_id: 'gpu-a/vllm/8000', state: 'busy', cpu_pct: 90 }),
        sampleWorker({ worker_id: 'gpu-a/llm/9000', model: 'llama-3-8b', gpu_ids: [], vram_mb: null }),
      ],
    });
    gpuB.beat({
      gpus: [sampleGpu({ vram_used_mb: 20_000 })],
      workers: [
        sampleWorker({ worker_id: 'gpu-b/vllm/8000', cpu_pct: 5 }),
        sampleWorker({ worker_id: 'gpu-b/vllm/8001', state: 'starting' }),
      ],
    });
    for (const id of ['gpu-a', 'gpu-b']) await hiveThat(queen.url, id, ({ telemetry }) => telemetry !== null, 'seen');
  });

  afterAll(async () => {
    await gpuA[Symbol.asyncDispose]();
    await gpuB[Symbol.asyncDispose]();
    await queen[Symbol.asyncDispose]();
  });

  const ids = async (query: string): Promise<readonly string[]> => {
    const { body } = await request(queen.url).get(`/v1/workers${query}`).expect(200);
    return (body as { workers: { worker_id: string }[] }).workers.map(({ worker_id }) => worker_id);
  };

  it.each([
    ['', ['gpu-a/vllm/8000', 'gpu-a/llm/9000', 'gpu-b/vllm/8000', 'gpu-b/vllm/8001']],
    ['?hive=gpu-b', ['gpu-b/vllm/8000', 'gpu-b/vllm/8001']],
    ['?model=qwen3-8b', ['gpu-a/vllm/8000', 'gpu-b/vllm/8000', 'gpu-b/vllm/8001']],
    ['?model=Qwen/Qwen3-8B&idle=true', ['gpu-b/vllm/8000']],
    ['?idle=false&hive=gpu-b', ['gpu-b/vllm/8000', 'gpu-b/vllm/8001']],
    ['?min_free_vram_mb=10000', ['gpu-a/vllm/8000', 'gpu-b/vllm/8000', 'gpu-b/vllm/8001']],
    ['?min_free_vram_mb=10001', ['gpu-b/vllm/8000', 'gpu-b/vllm/8001']],
    ['?model=unheard-of', []],
  ])('GET /v1/workers%s', async (query, expected) => {
    expect(await ids(query)).toEqual(expected);
  });

  it('says where a worker runs and what is free there', async () => {
    const { body } = await request(queen.url).get('/v1/workers?hive=gpu-b&idle=true');
    expect((body as { workers: object[] }).workers[0]).toMatchObject({
      hive_id: 'gpu-b',
      hive_url: gpuB.url,
      free_vram_mb: 60_000,
    });
  });

  it('finds the idlest worker of a model', async () => {
    const { body } = await request(queen.url).get('/v1/workers/best?model=qwen3-8b').expect(200);
    expect(body).toMatchObject({ worker_id: 'gpu-b/vllm/8000' });
    await request(queen.url).get('/v1/workers/best?model=unheard-of').expect(404);
  });

  it.each([
    ['/v1/workers?idle=maybe', 'idle'],
    ['/v1/workers?min_free_vram_mb=lots', 'min_free_vram_mb'],
    ['/v1/workers?model=', 'model'],
    ['/v1/workers/best', 'model'],
  ])('GET %s is a 400 that names %s', async (path, field) => {
    const { body } = await request(queen.url).get(path).expect(400);
    expect(Object.keys((body as { fields: object }).fields)).toEqual([field]);
  });

  it('shows hives, one and all, and what a snapshot carries', async () => {
    const hives = await hivesOf(queen.url);
    expect(hives.map(({ hive_id, connection, health, found_by }) => [hive_id, connection, health, found_by])).toEqual([
      ['gpu-a', 'connected', 'healthy', 'callback'],
      ['gpu-b', 'connected', 'healthy', 'callback'],
    ]);
    const one = await request(queen.url).get('/v1/hives/gpu-b').expect(200);
    expect(one.body).toMatchObject({ hive_id: 'gpu-b', hive_url: gpuB.url, telemetry: { seq: 1 } });
    const all = await request(queen.url).get('/v1/heartbeats').expect(200);
    expect(all.body).toMatchObject({ type: 'snapshot', hives: [{ hive_id: 'gpu-a' }, { hive_id: 'gpu-b' }] });
  });

  it.each(['/v1/hives/nobody', '/v1/hive-heartbeat', '/nonsense', '/v1/hives/%zz'])(
    'GET %s is a JSON error',
    async (path) => {
      const response = await request(queen.url).get(path);
      expect([400, 404]).toContain(response.status);
      expect(response.body).toMatchObject({ status: 'error' });
    },
  );

  it('is healthy, ready and documented', async () => {
    await request(queen.url)
      .get('/health')
      .expect(200, /"status":"ok"/);
    await request(queen.url).get('/-/healthy').expect(200);
    await request(queen.url).get('/-/ready').expect(200);
    await request(queen.url)
      .get('/v1/info')
      .expect(200, /"name":"apiary-queen"/);
    await request(queen.url)
      .get('/docs')
      .expect(200, /swagger/i);
    const { body } = await request(queen.url).get('/docs-json').expect(200);
    expect(Object.keys((body as { paths: object }).paths).sort()).toEqual([
      '/-/healthy',
      '/-/ready',
      '/health',
      '/v1/discovery',
      '/v1/heartbeats',
      '/v1/heartbeats/stream',
      '/v1/hive/ready',
      '/v1/hives',
      '/v1/hives/{id}',
      '/v1/info',
      '/v1/workers',
      '/v1/workers/best',
    ]);
  });

  it('forgets a hive, which may come back', async () => {
    await using hive = await FakeHive.start({ hiveId: 'brief', intervalMs: 100 });
    await hive.announceTo(queen.url);
    await hiveThat(queen.url, 'brief', ({ connection }) => connection === 'connected', 'connected');
    await request(queen.url).delete('/v1/hives/brief').expect(204);
    await request(queen.url).delete('/v1/hives/brief').expect(404);
    await request(queen.url).get('/v1/hives/brief').expect(404);
    await eventually('the stream ends', () => hive.openStreams === 0);
    await hive.announceTo(queen.url);
    await hiveThat(queen.url, 'brief', ({ connection }) => connection === 'connected', 'connected');
  });
});
