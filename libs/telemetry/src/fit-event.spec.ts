import { describe, expect, it } from '@jest/globals';

import { type GpuProcessReading, limits } from '#contracts';
import { sampleGpu, sampleTelemetry, sampleWorker } from '#testing';

import { fitProcesses, fitWorkers } from './fit-event.js';

const WORST = '\u{20ac}'.repeat(limits.TEXT_LENGTH_MAX);
const worker = sampleWorker({
  group: WORST,
  instance: WORST,
  worker_id: WORST.repeat(3),
  cgroup: WORST.repeat(4),
  command: WORST,
  model: WORST,
  engine: WORST,
  engine_error: WORST,
  pids: Array.from({ length: limits.PIDS_PER_WORKER_MAX }, (_, index) => 4_000_000 + index),
});
const holder: GpuProcessReading = {
  pid: 4_000_000,
  name: WORST,
  vram_mb: 1,
  sm_util_pct: null,
  worker_id: WORST.repeat(3),
  state: 'running',
};
const holders = new Array<GpuProcessReading>(limits.PROCESSES_PER_GPU_MAX).fill(holder);

describe('an event that is too large', () => {
  it('is cut to what travels, whatever the names', () => {
    const workers = fitWorkers(new Array(limits.WORKERS_PER_HIVE_MAX).fill(worker));
    const gpus = fitProcesses(new Array(limits.GPUS_PER_HIVE_MAX).fill(sampleGpu({ processes: holders })));
    const event = JSON.stringify(sampleTelemetry('gpu-a', 1, { workers, gpus }));
    expect(Buffer.byteLength(event)).toBeLessThan(limits.EVENT_BYTES_MAX);
    expect(workers.length).toBeGreaterThan(40);
    expect(gpus).toHaveLength(limits.GPUS_PER_HIVE_MAX);
    expect(gpus[0]?.processes?.length).toBeGreaterThan(0);
  });

  it('is left alone where it fits: a full house of ordinary workers does', () => {
    const workers = new Array<typeof worker>(limits.WORKERS_PER_HIVE_MAX).fill(sampleWorker());
    expect(fitWorkers(workers)).toBe(workers);
    const gpus = [sampleGpu({ processes: holders.slice(0, 8) }), sampleGpu({ processes: null })];
    expect(fitProcesses(gpus)).toBe(gpus);
  });
});
