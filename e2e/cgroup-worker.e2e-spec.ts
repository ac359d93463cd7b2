import { spawn } from 'node:child_process';
import { accessSync, constants, mkdirSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { describe, expect, it } from '@jest/globals';

import type { HiveTelemetryEvent, WorkerReading } from '#contracts';
import { eventually, type ProbedEvent, ServiceProcess, SseProbe } from '#testing';

const SLICE = `apiary-e2e-${process.pid}.slice`;
const CGROUP_ROOT = ['/sys/fs/cgroup', '/sys/fs/cgroup/unified'].find(isWritableCgroup2);
const where = CGROUP_ROOT === undefined ? 'SKIPPED: no cgroup v2 that can be written here' : `in ${CGROUP_ROOT}`;

describe(`a real busy process in a real cgroup (${where})`, () => {
  (CGROUP_ROOT === undefined ? it.skip : it)('appears as a worker within 3 s and leaves within 3 s', async () => {
    const root = CGROUP_ROOT ?? '';
    await using queen = new ServiceProcess('queen', ['--port', '0', '--ssh-config', '/nonexistent']);
    const queenUrl = await queen.url();
    await using _hive = new ServiceProcess('hive', [
      ...['--port', '0', '--id', 'gpu-a', '--queen-url', queenUrl],
      ...['--cgroup-root', root, '--cgroup-slice', SLICE],
    ]);
    using viewer = new SseProbe(`${queenUrl}/v1/heartbeats/stream`);
    const empty = await viewer.waitFor('telemetry', ({ json }) => json['type'] === 'hive_telemetry');
    expect(workersOf(empty)).toEqual([]);

    using worker = startWorker(root);
    const startedMs = performance.now();
    // How much of a core it gets depends on who else runs here; e2e/accuracy compares it with what it got.
    const busy = await viewer.waitFor('the worker computes', (event) => (workersOf(event)[0]?.cpu_pct ?? 0) > 10);
    expect(busy.arrivedMs - startedMs).toBeLessThan(3_500);
    const first = viewer.events.find((event) => workersOf(event).length === 1);
    expect((first?.arrivedMs ?? Infinity) - startedMs).toBeLessThan(3_000);
    const reading = workersOf(busy)[0] as WorkerReading;
    expect(reading).toMatchObject({
      pid: worker.pid,
      pids: [worker.pid],
      group: 'llm',
      instance: '8123',
      worker_id: 'gpu-a/llm/8123',
      cgroup: `${SLICE}/llm/8123`,
      port: 8123,
      model: 'tiny-llm-7b',
      model_source: 'cmdline',
      vram_mb: null,
      gpu_ids: [],
    });
    expect(reading.cpu_pct).toBeLessThan(110);
    expect(reading.rss_mb).toBeGreaterThan(5);
    expect(reading.rss_mb).toBeLessThan(500);
    expect(reading.uptime_s).toBeLessThan(10);
    await viewer.waitFor('the queen counts it', ({ json }) => Number(json['workers_online']) >= 1);
    const { workers } = (await (await fetch(`${queenUrl}/v1/workers?model=tiny-llm-7b`)).json()) as {
      workers: object[];
    };
    expect(workers).toHaveLength(1);

    worker[Symbol.dispose]();
    const killedMs = performance.now();
    const gone = await viewer.waitFor(
      'the worker is gone',
      (event) => event.arrivedMs > killedMs && event.json['type'] === 'hive_telemetry' && workersOf(event).length === 0,
    );
    expect(gone.arrivedMs - killedMs).toBeLessThan(3_000);
  });
});

/** Inference servers that run elsewhere on this machine are none of this test's business. */
const isInSlice = ({ found_by }: WorkerReading): boolean => found_by === 'slice';

const workersOf = ({ json }: ProbedEvent): readonly WorkerReading[] =>
  json['type'] === 'hive_telemetry' ? (json as unknown as HiveTelemetryEvent).workers.filter(isInSlice) : [];

/** A process that burns one core and whose command line looks like an inference server's. */
function startWorker(root: string): Disposable & { readonly pid: number } {
  const folder = join(root, SLICE, 'llm', '8123');
  mkdirSync(folder, { recursive: true });
  const args = ['-e', 'for (;;);', '--', '--model', 'tiny-llm-7b', '--port', '8123'];
  const child = spawn(process.execPath, args, { stdio: 'ignore' });
  const pid = child.pid ?? -1;
  writeFileSync(join(folder, 'cgroup.procs'), String(pid));
  let ended = false;
  return {
    pid,
    [Symbol.dispose]: () => {
      if (ended) return;
      ended = true;
      child.kill('SIGKILL');
      void removeTree(folder, join(root, SLICE));
    },
  };
}

/** A cgroup can be removed once its last process is gone. */
async function removeTree(folder: string, top: string): Promise<void> {
  await eventually('the cgroup is empty', () => {
    for (const path of [folder, join(top, 'llm'), top]) rmdirSync(path);
    return true;
  });
}

function isWritableCgroup2(root: string): boolean {
  try {
    accessSync(join(root, 'cgroup.procs'), constants.W_OK);
    return true;
  } catch {
    return false;
  }
}
