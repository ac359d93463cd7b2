import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

import type { HiveTelemetryEvent, WorkerReading } from '#contracts';
import { engineCapture, eventually, FakeEngine, type ProbedEvent, ServiceProcess, SseProbe } from '#testing';

/** A worker is found, asked and asked again in a few seconds; a loaded machine takes longer. */
const FOUND_MS = 20_000;
const TEST_MS = 60_000;
const GENERATED_PER_S = 240;
const PROMPT_PER_S = 60;
/** The counters of a capture, growing. */
const METRICS = {
  vllm: engineCapture('made-vllm-0.11/metrics.txt')
    .replace(/(generation_tokens_total\{[^}]*\}) .*/g, `$1 {counts:${GENERATED_PER_S / 2}}`)
    .replace(/(prompt_tokens_total\{[^}]*\}) .*/g, `$1 {counts:${PROMPT_PER_S / 2}}`),
  llama: engineCapture('llama.cpp/made-metrics.txt')
    .replace(/(tokens_predicted_total) \d+$/m, `$1 {counts:${GENERATED_PER_S}}`)
    .replace(/(prompt_tokens_total) \d+$/m, `$1 {counts:${PROMPT_PER_S}}`),
};

/** By its port: other inference servers may run on this machine. */
const workerOf = ({ json }: ProbedEvent, { port }: FakeEngine): WorkerReading | undefined =>
  json['type'] === 'hive_telemetry'
    ? (json as unknown as HiveTelemetryEvent).workers.find((worker) => worker.port === port)
    : undefined;

const rateOf = (event: ProbedEvent, engine: FakeEngine): number | null => workerOf(event, engine)?.tokens_per_s ?? null;

/** Within so many percent. */
function expectNear(value: number | null | undefined, wanted: number, percent: number): void {
  expect(value).toBeGreaterThan(wanted * (1 - percent / 100));
  expect(value).toBeLessThan(wanted * (1 + percent / 100));
}

describe('inference servers that nobody told the hive of', () => {
  const open: AsyncDisposable[] = [];
  let queen: string;
  let vllm: FakeEngine;
  let llama: FakeEngine;

  beforeAll(async () => {
    vllm = await FakeEngine.start({
      command: ['/opt/venv/bin/vllm', 'serve', 'Qwen/Qwen3-32B', '--port', '{port}'],
      children: [['VLLM::EngineCore'], ['VLLM::Worker_TP0']],
      responses: {
        '/metrics': { type: 'text/plain; version=0.0.4', body: METRICS.vllm },
        '/v1/models': { body: engineCapture('made-vllm-0.11/models.json') },
      },
    });
    open.push(vllm);
    const loading = { status: 503, body: engineCapture('llama.cpp/loading.json') };
    llama = await FakeEngine.start({
      command: ['/usr/local/bin/llama-server', '-m', '/models/q4.gguf', '--metrics', '--port', '{port}'],
      responses: { '/metrics': loading, '/props': loading, '/slots': loading },
    });
    open.push(llama);
    const service = new ServiceProcess('queen', ['--port', '0', '--ssh-config', '/nonexistent']);
    open.push(service);
    queen = await service.url();
    open.push(new ServiceProcess('hive', ['--port', '0', '--id', 'gpu-a', '--queen-url', queen]));
  });

  afterAll(() => Promise.all(open.map((each) => each[Symbol.asyncDispose]())));

  it(
    'has the model, the requests and the tokens per second of vLLM from vLLM itself',
    async () => {
      using viewer = new SseProbe(`${queen}/v1/heartbeats/stream`);
      const started = await viewer.waitFor('its first rate', (event) => rateOf(event, vllm) !== null, FOUND_MS);
      expect(workerOf(started, vllm)).toMatchObject({
        pid: vllm.pid,
        port: vllm.port,
        group: 'vllm',
        instance: String(vllm.port),
        model: 'qwen3-32b',
        model_source: 'engine',
        requests_running: 7,
        requests_waiting: 2,
        kv_cache_pct: 31.3,
        context_max: 40_960,
        idle_s: 0,
        engine_error: null,
        state: 'busy',
      });
      expect([...(workerOf(started, vllm)?.pids ?? [])].sort()).toEqual([...vllm.pids].sort());
      const rated = (): readonly WorkerReading[] =>
        viewer.events.flatMap((event) => (rateOf(event, vllm) === null ? [] : (workerOf(event, vllm) ?? [])));
      const rates = await eventually('five rates', () => (rated().length >= 5 ? rated() : undefined));
      const mean = (values: readonly (number | null)[]): number =>
        values.reduce<number>((sum, value) => sum + (value ?? 0), 0) / values.length;
      expectNear(mean(rates.map((worker) => worker.tokens_per_s)), GENERATED_PER_S, 5);
      expectNear(mean(rates.map((worker) => worker.prompt_tokens_per_s)), PROMPT_PER_S, 5);
    },
    TEST_MS,
  );

  it(
    'shows a llama-server as starting while it loads its model, and busy within 4 s of its first answer',
    async () => {
      using viewer = new SseProbe(`${queen}/v1/heartbeats/stream`);
      const loading = await viewer.waitFor(
        'it starts',
        (event) => (workerOf(event, llama)?.engine_error ?? null) !== null,
      );
      expect(workerOf(loading, llama)).toMatchObject({
        pid: llama.pid,
        port: llama.port,
        state: 'starting',
        requests_running: null,
      });
      expect(workerOf(loading, llama)?.engine_error).toContain('it answers 503 to /metrics, since ');
      llama.answer('/metrics', { type: 'text/plain', body: METRICS.llama });
      llama.answer('/props', { body: engineCapture('llama.cpp/props.json') });
      const startedMs = performance.now();
      const busy = await viewer.waitFor('it is busy', (event) => workerOf(event, llama)?.state === 'busy');
      expect(busy.arrivedMs - startedMs).toBeLessThan(4_000);
      expect(workerOf(busy, llama)).toMatchObject({
        model: 'Meta-Llama-3.1-8B-Instruct-Q4_K_M.gguf',
        model_source: 'engine',
        requests_running: 2,
        requests_waiting: 1,
        context_max: 1024,
      });
      const beforeMs = busy.arrivedMs;
      const rated = await viewer.waitFor(
        'a rate over some seconds',
        (event) => event.arrivedMs > beforeMs + 4_000 && rateOf(event, llama) !== null,
      );
      expectNear(workerOf(rated, llama)?.tokens_per_s, GENERATED_PER_S, 5);
    },
    TEST_MS,
  );

  it('tells who serves a model', async () => {
    const answer = await fetch(`${queen}/v1/workers?model=qwen3-32b`);
    const { workers } = (await answer.json()) as { workers: WorkerReading[] };
    expect(workers.map(({ pid }) => pid)).toContain(vllm.pid);
  });

  it('asks for no more than it must', () => {
    // Hives of other tests on this machine find these servers, too: how often is not for here to say.
    const paths = new Set([...vllm.asked, ...llama.asked].map((url) => url.split('?', 1)[0]));
    expect([...paths].sort()).toEqual(['/metrics', '/props', '/v1/models']);
  });
});
