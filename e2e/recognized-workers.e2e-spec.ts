import { describe, expect, it } from '@jest/globals';

import type { TelemetryEvent, WorkerReading } from '#contracts';
import { FakeEngine, type FakeEngineOptions, type ProbedEvent, ServiceProcess, SseProbe } from '#testing';

/** How long a worker may take to appear, and to go. */
const SEEN_MS = 3_000;

const LLAMA: FakeEngineOptions = {
  command: ['/opt/llama.cpp/llama-server', '-m', '/models/Qwen3-8B-Q4_K_M.gguf', '--port', '{port}', '-ngl', '99'],
  children: [
    ['/opt/llama.cpp/llama-server', '--part', '1'],
    ['/opt/llama.cpp/llama-server', '--part', '2'],
  ],
};
const VLLM: FakeEngineOptions = {
  command: [
    ...['/venv/bin/python3', '/venv/bin/vllm', 'serve', 'Qwen/Qwen3-32B', '--tensor-parallel-size', '2'],
    ...['--api-key', 'not-for-you', '--port', '{port}'],
  ],
  children: [['VLLM::EngineCore'], ['VLLM::Worker_TP0'], ['VLLM::Worker_TP1']],
};
/** They only speak of a server. */
const OTHERS: readonly (readonly string[])[] = [
  ['bash', '-c', 'vllm serve Qwen/Qwen3-32B --port 8000'],
  ['docker', 'run', '--gpus', 'all', 'vllm/vllm-openai', 'vllm', 'serve', 'm'],
  ['tail', '-f', 'vllm.log'],
];

describe('inference servers that nobody told of', () => {
  it('appear with model, port and all processes within 3 s, and leave within 3 s', async () => {
    await using hive = new ServiceProcess('hive', ['--port', '0', '--id', 'gpu-a', '--gpu-backend', 'none']);
    using viewer = new SseProbe(`${await hive.url()}/v1/heartbeats/stream`);
    await viewer.waitFor('telemetry', ({ json }) => json['type'] === 'telemetry');
    await using _others = await startAll(OTHERS.map((command) => ({ command, port: null })));

    for (const options of [LLAMA, VLLM]) {
      await using engine = await FakeEngine.start(options);
      const startedMs = performance.now();
      const seen = await viewer.waitFor('it is recognized', (event) => workerOf(event, engine) !== undefined);
      expect(seen.arrivedMs - startedMs).toBeLessThan(SEEN_MS);
      const isVllm = options === VLLM;
      expect(workerOf(seen, engine)).toMatchObject({
        pid: engine.pid,
        pids: [...engine.pids].sort((a, b) => a - b),
        group: isVllm ? 'vllm' : 'llama.cpp',
        instance: String(engine.port),
        worker_id: `gpu-a/${isVllm ? 'vllm' : 'llama.cpp'}/${engine.port}`,
        port: engine.port,
        engine: isVllm ? 'vllm' : 'llama.cpp',
        model: isVllm ? 'Qwen/Qwen3-32B' : 'Qwen3-8B-Q4_K_M.gguf',
        model_source: 'cmdline',
        vram_mb: null,
        gpu_ids: [],
      });
      expect(workerOf(seen, engine)?.found_by).toMatch(/^(command|unit|container)$/);
      const used = await viewer.waitFor(
        'its use is measured',
        (event) => typeof workerOf(event, engine)?.cpu_pct === 'number',
      );
      expect(workerOf(used, engine)?.rss_mb).toBeGreaterThan(5);
      if (isVllm) expect(JSON.stringify(used.json)).not.toContain('not-for-you');
      const ids = new Set(viewer.events.flatMap(workersOf).map(({ worker_id }) => worker_id));
      expect([...ids].filter((id) => id.endsWith(`/${engine.port}`))).toHaveLength(1);

      engine.kill();
      const killedMs = performance.now();
      const isGone = (event: ProbedEvent): boolean =>
        event.arrivedMs > killedMs && event.json['type'] === 'telemetry' && workerOf(event, engine) === undefined;
      expect((await viewer.waitFor('it is gone', isGone)).arrivedMs - killedMs).toBeLessThan(SEEN_MS);
    }
    const commands = viewer.events.flatMap(workersOf).map(({ command }) => command ?? '');
    expect(commands.filter((command) => /^(bash|docker|tail) /.test(command))).toEqual([]);
  });
});

const workersOf = ({ json }: ProbedEvent): readonly WorkerReading[] =>
  json['type'] === 'telemetry' ? (json as unknown as TelemetryEvent).workers : [];

/** By the port that is its own, as other servers may run on this machine. */
function workerOf(event: ProbedEvent, { pid, port }: FakeEngine): WorkerReading | undefined {
  return workersOf(event).find((worker) => worker.pid === pid && worker.port === port && worker.state !== 'starting');
}

async function startAll(options: readonly FakeEngineOptions[]): Promise<AsyncDisposable> {
  const engines = await Promise.all(options.map((each) => FakeEngine.start(each)));
  return {
    [Symbol.asyncDispose]: async () => {
      for (const engine of engines) await engine[Symbol.asyncDispose]();
    },
  };
}
