import { describe, expect, it } from '@jest/globals';

import type { MonitorStatus } from '#contracts';

import { composeSample } from './compose-sample.js';
import type { Contribution, GpuObservation, GpuProcess, MonitorOutcome, WorkerObservation } from './monitor.js';

const HIVE = 'gpu-a';

function outcome(name: string, contribution?: Contribution, status: MonitorStatus = 'ok'): MonitorOutcome {
  const report = { name, status, took_ms: 1, age_ms: contribution ? 5 : null };
  return contribution === undefined ? { report } : { report, contribution };
}

function gpu(
  index: number,
  processes: readonly GpuProcess[] | null,
  more: Partial<GpuObservation> = {},
): GpuObservation {
  return {
    id: `GPU-${index}`,
    index,
    uuid: null,
    name: 'a card',
    vendor: 'NVIDIA',
    pci_bus_id: null,
    driver_version: null,
    util_pct: 0,
    mem_util_pct: null,
    vram_used_mb: 1000,
    vram_total_mb: 8000,
    temp_c: null,
    mem_temp_c: null,
    power_w: null,
    power_limit_w: null,
    fan_pct: null,
    sm_clock_mhz: null,
    mem_clock_mhz: null,
    pcie_gen: null,
    pcie_width: null,
    throttle_reasons: null,
    ecc_errors: null,
    xid_last: null,
    mig_mode: null,
    mig_devices: [],
    processes,
    state: 'ok',
    ...more,
  };
}

function worker(pids: readonly number[], more: Partial<WorkerObservation> = {}): WorkerObservation {
  return {
    pid: pids[0]!,
    pids,
    group: 'llm',
    instance: '8080',
    cgroup: 'rbee.slice/llm/8080',
    port: 8080,
    engine: null,
    model: null,
    model_source: null,
    cpu_pct: 1,
    rss_mb: 1,
    io_r_mb_s: null,
    io_w_mb_s: null,
    uptime_s: 1,
    state: 'ready',
    ...more,
  };
}

function compose(
  gpus: readonly GpuObservation[] | undefined,
  workers: readonly WorkerObservation[] | undefined,
): ReturnType<typeof composeSample> {
  return composeSample(
    [
      gpus ? outcome('nvidia', { gpus }) : outcome('nvidia', undefined, 'absent'),
      workers ? outcome('workers', { workers }) : outcome('workers', undefined, 'failed'),
    ],
    HIVE,
  );
}

describe('composeSample', () => {
  it('leaves unknown what nobody contributed', () => {
    const { node, gpus, workers } = composeSample([outcome('load', { node: { load_1m: 0.5 } })], HIVE);
    expect(node).toMatchObject({ load_1m: 0.5, cpu_pct: null, ram_used_mb: null, pressure: null });
    expect(Object.keys(node)).toHaveLength(14);
    expect([gpus, workers]).toEqual([[], []]);
  });

  it.each<[MonitorStatus[], string]>([
    [['ok', 'absent', 'ok'], 'ok'],
    [['absent'], 'ok'],
    [[], 'ok'],
    [['ok', 'failed'], 'partial'],
    [['ok', 'stale'], 'partial'],
    [['stale'], 'partial'],
    [['failed', 'absent', 'failed'], 'failed'],
  ])('calls %j %s', (statuses, expected) => {
    const outcomes = statuses.map((status, index) => outcome(`monitor-${index}`, undefined, status));
    expect(composeSample(outcomes, HIVE).collection).toEqual({
      status: expected,
      monitors: outcomes.map(({ report }) => report),
    });
  });

  it('shows the GPUs of a driver that stopped answering as wedged, those that are lost as lost', () => {
    const gpus = [gpu(0, []), gpu(1, null, { state: 'lost' })];
    const wedged: MonitorOutcome = { ...outcome('nvidia', { gpus }, 'stale'), unanswered: true };
    expect(composeSample([wedged], HIVE).gpus.map(({ state }) => state)).toEqual(['wedged', 'lost']);
    expect(composeSample([outcome('nvidia', { gpus }, 'stale')], HIVE).gpus[0]?.state).toBe('ok');
  });
});

describe('composeSample, GPU memory', () => {
  it('sums what all processes of a worker hold on all cards', () => {
    const gpus = [
      gpu(0, [{ pid: 11, vram_mb: 300 }]),
      gpu(1, [{ pid: 12, vram_mb: 400 }, { pid: 99, vram_mb: 100 }]), // prettier-ignore
      gpu(2, [{ pid: 99, vram_mb: 5 }]),
    ];
    const sample = compose(gpus, [worker([10, 11, 12])]);
    expect(sample.workers[0]).toMatchObject({
      worker_id: 'gpu-a/llm/8080',
      vram_mb: 700,
      gpu_ids: ['GPU-0', 'GPU-1'],
      total_vram_mb: 16000,
      gpu_util_pct: null,
    });
    expect(sample.gpus.map((each) => each.unattributed_vram_mb)).toEqual([700, 600, 1000]);
    expect(sample.gpus[0]).not.toHaveProperty('processes');
  });

  it('knows that a worker holds none, which is not the same as not knowing', () => {
    const held = (gpus: readonly GpuObservation[] | undefined): unknown =>
      compose(gpus, [worker([1])]).workers[0]?.vram_mb;
    expect(held([gpu(0, [])])).toBe(0);
    expect(held([])).toBe(0);
    expect(held([gpu(0, []), gpu(1, null)])).toBeNull();
    expect(held([gpu(0, [{ pid: 1, vram_mb: null }])])).toBeNull();
    expect(held(undefined)).toBeNull();
  });

  it('does not know the total without the cards or their sizes', () => {
    const total = (gpus: readonly GpuObservation[]): unknown => compose(gpus, [worker([1])]).workers[0]?.total_vram_mb;
    expect(total([gpu(0, [])])).toBeNull();
    expect(total([gpu(0, [{ pid: 1, vram_mb: 1 }], { vram_total_mb: null })])).toBeNull();
    expect(total([gpu(0, [{ pid: 1, vram_mb: null }])])).toBe(8000);
  });

  it('knows what is unattributed only with the use, the processes and the workers', () => {
    const rest = (card: GpuObservation, workers?: readonly WorkerObservation[]): unknown =>
      compose([card], workers).gpus[0]?.unattributed_vram_mb;
    expect(rest(gpu(0, []), [])).toBe(1000);
    expect(rest(gpu(0, []))).toBeNull();
    expect(rest(gpu(0, null), [])).toBeNull();
    expect(rest(gpu(0, [], { vram_used_mb: null }), [])).toBeNull();
    expect(rest(gpu(0, [{ pid: 1, vram_mb: null }]), [worker([1])])).toBeNull();
    expect(rest(gpu(0, [{ pid: 2, vram_mb: null }]), [worker([1])])).toBe(1000);
    expect(rest(gpu(0, [{ pid: 1, vram_mb: 1001 }]), [worker([1])])).toBe(0);
  });
});

describe('composeSample, state of a worker', () => {
  const mine = { pid: 1, vram_mb: 1 };
  const state = (card: GpuObservation, more: Partial<WorkerObservation> = {}): unknown =>
    compose([card], [worker([1], more)]).workers[0]?.state;

  it('calls a ready worker busy that has a busy card to itself', () => {
    expect(state(gpu(0, [mine], { util_pct: 50 }))).toBe('busy');
    expect(state(gpu(0, [mine], { util_pct: 49 }))).toBe('ready');
  });

  it('does not where somebody else may be the one who computes', () => {
    expect(state(gpu(0, [mine, { pid: 2, vram_mb: 1 }], { util_pct: 90 }))).toBe('ready');
    expect(state(gpu(0, null, { util_pct: 90 }))).toBe('ready');
  });

  it('raises nothing else', () => {
    expect(state(gpu(0, [mine], { util_pct: 90 }), { state: 'starting' })).toBe('starting');
    expect(state(gpu(0, [mine], { util_pct: 90 }), { state: 'error' })).toBe('error');
  });
});
