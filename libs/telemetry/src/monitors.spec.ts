import { describe, expect, it } from '@jest/globals';

import { decodeTelemetry } from '#contracts';
import { SystemClock } from '#service-kit';
import { FakeNvidiaSmi, sampleTelemetry, TempTree } from '#testing';

import { composeSample } from './compose-sample.js';
import { MonitorRunner } from './monitor-runner.js';
import { createMonitors, type TelemetryConfig } from './monitors.js';

const config = (procRoot: string): TelemetryConfig => ({
  procRoot,
  sysRoot: '/sys',
  cgroupRoot: '/no/such/cgroup',
  cgroupSlice: 'rbee.slice',
  gpuBackend: 'auto',
  nvidiaSmi: undefined,
  path: '',
  nvmlLibrary: 'libnvidia-ml.so.1',
  libraryPath: '',
  pcieThroughput: false,
  engineMetrics: true,
  intervalMs: 1000,
});

const names = (procRoot: string): string[] =>
  createMonitors(config(procRoot), new SystemClock()).map((monitor) => monitor.name);

describe('createMonitors', () => {
  it('lists one monitor per sensor, and none twice', () => {
    using proc = new TempTree({ stat: 'cpu  1 2 3 4\n' });
    expect(names(proc.root)).toEqual([
      'cpu',
      'memory',
      'load',
      'uptime',
      'network',
      'disk',
      'pressure',
      'cpu-temperature',
      'workers',
      'nvidia',
      'drm',
      'engines',
    ]);
  });

  it('asks no inference server where that is turned off', () => {
    const settings = { ...config('/no/such/proc'), engineMetrics: false };
    expect(createMonitors(settings, new SystemClock()).map(({ name }) => name)).toEqual([
      'machine',
      'workers',
      'nvidia',
      'graphics',
    ]);
  });

  it.each([
    ['none', ['machine', 'workers', 'engines']],
    ['demo', ['machine', 'workers', 'nvidia', 'engines']],
  ] as const)('reads no other cards where the back end is %s', (gpuBackend, expected) => {
    const settings = { ...config('/no/such/proc'), gpuBackend };
    expect(createMonitors(settings, new SystemClock()).map(({ name }) => name)).toEqual(expected);
  });

  it('has one for the whole machine where there is no /proc', () => {
    expect(names('/no/such/proc')).toEqual(['machine', 'workers', 'nvidia', 'graphics', 'engines']);
  });
});

describe('a sample of this machine', () => {
  it('is what the wire takes', async () => {
    using fake = new FakeNvidiaSmi('made-h100-v13');
    using cgroup = new TempTree({ 'rbee.slice/llm/8080/cgroup.procs': `${process.pid}\n` });
    const clock = new SystemClock();
    const settings = {
      ...config('/proc'),
      cgroupRoot: cgroup.root,
      gpuBackend: 'nvidia-smi' as const,
      nvidiaSmi: fake.path,
    };
    const runners = createMonitors(settings, clock).map((monitor) => new MonitorRunner(monitor, clock, 60_000));
    try {
      await Promise.all(runners.map((runner) => runner.start()));
      const { collection, ...sample } = composeSample(
        runners.map((runner) => runner.outcome()),
        'gpu-a',
      );
      const event = { ...sampleTelemetry('gpu-a', 1), ...sample, collection: { ...collection, took_ms: 1 } };
      const json = JSON.stringify(event);
      expect(JSON.stringify(decodeTelemetry(json))).toHaveLength(json.length);
      expect(collection.status).toBe('ok');
      expect([sample.gpus.length, sample.workers.length]).toEqual([2, 1]);
    } finally {
      for (const runner of runners) runner[Symbol.dispose]();
    }
  });
});
