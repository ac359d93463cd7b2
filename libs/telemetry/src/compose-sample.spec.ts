import { describe, expect, it } from '@jest/globals';

import type { MonitorStatus, WorkerReading } from '#contracts';

import { composeSample } from './compose-sample.js';
import type {
  Contribution,
  EngineObservation,
  GpuObservation,
  GpuProcess,
  MonitorOutcome,
  WorkerObservation,
} from './monitor.js';
import { unknownGpu } from './unknown-gpu.js';

const HIVE = 'gpu-a';

function outcome(name: string, contribution?: Contribution, status: MonitorStatus = 'ok'): MonitorOutcome {
  const report = { name, status, took_ms: 1, age_ms: contribution ? 5 : null };
  return contribution === undefined ? { report } : { report, contribution };
}

/** A card at the PCI address of this number. */
function gpu(
  index: number,
  processes: readonly GpuProcess[] | null,
  more: Partial<GpuObservation> = {},
): GpuObservation {
  const known = { name: 'a card', pci_bus_id: `00000000:0${index}:00.0`, vram_used_mb: 1000, vram_total_mb: 8000 };
  return unknownGpu({ vendor: 'NVIDIA', source: 'nvml', ...known, util_pct: 0, processes, ...more });
}

const holder = (pid: number, vram_mb: number | null, sm_util_pct: number | null = null): GpuProcess => ({
  pid,
  vram_mb,
  sm_util_pct,
});

function worker(pids: readonly number[], more: Partial<WorkerObservation> = {}): WorkerObservation {
  return {
    pid: pids[0]!,
    pids,
    group: 'llm',
    instance: '8080',
    found_by: 'slice',
    container: null,
    command: null,
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
    const gpus = [gpu(0, [holder(11, 300)]), gpu(1, [holder(12, 400), holder(99, 100)]), gpu(2, [holder(99, 5)])];
    const sample = compose(gpus, [worker([10, 11, 12])]);
    expect(sample.workers[0]).toMatchObject({
      worker_id: 'gpu-a/llm/8080',
      vram_mb: 700,
      gpu_ids: ['GPU-0', 'GPU-1'],
      total_vram_mb: 16000,
      gpu_util_pct: null,
    });
    expect(sample.gpus.map((each) => each.unattributed_vram_mb)).toEqual([700, 600, 1000]);
  });

  it('knows that a worker holds none, which is not the same as not knowing', () => {
    const held = (gpus: readonly GpuObservation[] | undefined): unknown =>
      compose(gpus, [worker([1])]).workers[0]?.vram_mb;
    expect(held([gpu(0, [])])).toBe(0);
    expect(held([])).toBe(0);
    expect(held([gpu(0, []), gpu(1, null)])).toBeNull();
    expect(held([gpu(0, [holder(1, 7)]), gpu(1, null, { state: 'lost' })])).toBe(7);
    expect(held([gpu(0, [holder(1, null)])])).toBeNull();
    expect(held(undefined)).toBeNull();
  });

  it('does not know the total without the cards or their sizes', () => {
    const total = (gpus: readonly GpuObservation[]): unknown => compose(gpus, [worker([1])]).workers[0]?.total_vram_mb;
    expect(total([gpu(0, [])])).toBeNull();
    expect(total([gpu(0, [holder(1, 1)], { vram_total_mb: null })])).toBeNull();
    expect(total([gpu(0, [holder(1, null)])])).toBe(8000);
  });

  it('knows what is unattributed only with the use, the processes and the workers', () => {
    const rest = (card: GpuObservation, workers?: readonly WorkerObservation[]): unknown =>
      compose([card], workers).gpus[0]?.unattributed_vram_mb;
    expect(rest(gpu(0, []), [])).toBe(1000);
    expect(rest(gpu(0, []))).toBeNull();
    expect(rest(gpu(0, null), [])).toBeNull();
    expect(rest(gpu(0, [], { vram_used_mb: null }), [])).toBeNull();
    expect(rest(gpu(0, [holder(1, null)]), [worker([1])])).toBeNull();
    expect(rest(gpu(0, [holder(2, null)]), [worker([1])])).toBe(1000);
    expect(rest(gpu(0, [holder(1, 1001)]), [worker([1])])).toBe(0);
  });
});

describe('composeSample, state of a worker', () => {
  const mine = holder(1, 1);
  const state = (card: GpuObservation, more: Partial<WorkerObservation> = {}): unknown =>
    compose([card], [worker([1], more)]).workers[0]?.state;

  it('calls a ready worker busy that has a busy card to itself', () => {
    expect(state(gpu(0, [mine], { util_pct: 50 }))).toBe('busy');
    expect(state(gpu(0, [mine], { util_pct: 49 }))).toBe('ready');
  });

  it('does not where somebody else may be the one who computes', () => {
    expect(state(gpu(0, [mine, holder(2, 1)], { util_pct: 90 }))).toBe('ready');
    expect(state(gpu(0, null, { util_pct: 90 }))).toBe('ready');
  });

  it('raises nothing else', () => {
    expect(state(gpu(0, [mine], { util_pct: 90 }), { state: 'starting' })).toBe('starting');
    expect(state(gpu(0, [mine], { util_pct: 90 }), { state: 'error' })).toBe('error');
  });
});

describe('composeSample, several GPU monitors', () => {
  it('numbers the cards of all of them by PCI address, lost ones too', () => {
    const nvidia = [gpu(3, []), gpu(1, null, { state: 'lost', ageMs: 4000 })];
    const drm = [gpu(2, null, { vendor: 'AMD', source: 'sysfs' }), gpu(0, null, { pci_bus_id: null, vendor: 'Apple' })];
    const { gpus } = composeSample([outcome('nvidia', { gpus: nvidia }), outcome('drm', { gpus: drm })], HIVE);
    expect(gpus.map(({ id, index, vendor, state }) => [id, index, vendor, state])).toEqual([
      ['GPU-0', 0, 'NVIDIA', 'lost'],
      ['GPU-1', 1, 'AMD', 'ok'],
      ['GPU-2', 2, 'NVIDIA', 'ok'],
      ['GPU-3', 3, 'Apple', 'ok'],
    ]);
    expect(gpus.map(({ age_ms }) => age_ms)).toEqual([4005, 5, 5, 5]);
    expect(gpus[0]).not.toHaveProperty('ageMs');
  });

  it('does not call a card wedged that sleeps', () => {
    const asleep: MonitorOutcome = {
      ...outcome('nvidia', { gpus: [gpu(0, null, { state: 'asleep' })] }, 'stale'),
      unanswered: true,
    };
    expect(composeSample([asleep], HIVE).gpus[0]?.state).toBe('asleep');
  });
});

describe('composeSample, who holds a card', () => {
  it('lists the holders, the largest first, with what is known of them', () => {
    const processes = new Map([
      [1, { name: 'python3', state: 'running' as const }],
      [2, { name: 'python3', state: 'blocked' as const }],
      [3, { name: null, state: 'dead' as const }],
    ]);
    const outcomes = [
      outcome('nvidia', { gpus: [gpu(0, [holder(1, 5, 40), holder(3, 90), holder(2, null), holder(4, 7)])] }),
      outcome('workers', { workers: [worker([1, 2])], processes }),
    ];
    expect(composeSample(outcomes, HIVE).gpus[0]?.processes).toEqual([
      { pid: 3, name: null, vram_mb: 90, sm_util_pct: null, worker_id: null, state: 'dead' },
      { pid: 4, name: null, vram_mb: 7, sm_util_pct: null, worker_id: null, state: null },
      { pid: 1, name: 'python3', vram_mb: 5, sm_util_pct: 40, worker_id: 'gpu-a/llm/8080', state: 'running' },
      { pid: 2, name: 'python3', vram_mb: null, sm_util_pct: null, worker_id: 'gpu-a/llm/8080', state: 'blocked' },
    ]);
  });

  it('lists no more than the wire takes, of a worker too', () => {
    const many = Array.from({ length: 300 }, (_, index) => index + 1);
    const sample = compose([gpu(0, many.map((pid) => holder(pid, pid)))], [worker(many)]); // prettier-ignore
    expect(sample.gpus[0]?.processes).toHaveLength(64);
    expect(sample.gpus[0]?.processes?.[0]?.pid).toBe(300);
    expect(sample.workers[0]?.pids).toHaveLength(256);
    expect(sample.workers[0]?.vram_mb).toBe(45_150);
  });

  it('says so where an event can not hold all workers', () => {
    const text = 'x'.repeat(256);
    const big = { group: text, model: text, command: text, cgroup: text.repeat(4) };
    const many = Array.from({ length: 512 }, (_, index) => worker([index + 1], { ...big, instance: `${index}` }));
    const { workers, collection } = compose([], many);
    expect(workers.length).toBeLessThan(512);
    expect(collection.monitors[1]?.hint).toBe(`an event holds no more than ${workers.length} of 512 workers`);
  });

  it('divides the power of a card by utilization, and says null where that is not told', () => {
    const card = (mine: number | null): GpuObservation =>
      gpu(0, [holder(1, 1, mine), holder(2, 1, 30)], { power_w: 400 });
    const use = (...cards: readonly GpuObservation[]): unknown => {
      const [{ gpu_util_pct, power_est_w } = {}] = compose(cards, [worker([1])]).workers;
      return { gpu_util_pct, power_est_w };
    };
    expect(use(card(10))).toEqual({ gpu_util_pct: 10, power_est_w: 100 });
    expect(use(card(10), { ...card(30), pci_bus_id: null })).toEqual({ gpu_util_pct: 20, power_est_w: 300 });
    expect(use(card(0))).toEqual({ gpu_util_pct: 0, power_est_w: 0 });
    expect(use(card(null))).toEqual({ gpu_util_pct: null, power_est_w: null });
    expect(use(gpu(0, [holder(2, 1, 30)], { power_w: 400 }))).toEqual({ gpu_util_pct: null, power_est_w: null });
    expect(use({ ...card(10), power_w: null })).toEqual({ gpu_util_pct: 10, power_est_w: null });
  });
});

describe('composeSample, what an engine says', () => {
  const engine = (more: Partial<EngineObservation> = {}): EngineObservation => ({
    model: 'Qwen/Qwen3-8B',
    idle_s: 0,
    has_answered: true,
    error: null,
    requests_running: 2,
    requests_waiting: 1,
    tokens_per_s: 80.5,
    prompt_tokens_per_s: 900,
    kv_cache_pct: 12.5,
    ttft_ms_p50: 80,
    ttft_ms_p95: 300,
    context_max: 32768,
    ...more,
  });
  const said = (answer: EngineObservation, more: Partial<WorkerObservation> = {}): WorkerReading | undefined => {
    const engines = new Map([['llm/8080', answer]]);
    return composeSample([outcome('workers', { workers: [worker([1], more)] }), outcome('engines', { engines })], HIVE)
      .workers[0];
  };

  it('goes before what the command line says', () => {
    const reading = said(engine(), { model: 'qwen', model_source: 'cmdline' });
    expect(reading).toMatchObject({
      model: 'Qwen/Qwen3-8B',
      model_source: 'engine',
      tokens_per_s: 80.5,
      state: 'busy',
    });
    expect(reading).not.toHaveProperty('has_answered');
    const silent = said(engine({ model: null, error: 'refused' }), { model: 'qwen', model_source: 'cmdline' });
    expect(silent).toMatchObject({ model: 'qwen', model_source: 'cmdline', engine_error: 'refused' });
  });

  it('decides between ready and busy, and is starting until it answered once', () => {
    expect(said(engine({ requests_running: 0 }), { state: 'busy' })?.state).toBe('ready');
    expect(said(engine({ requests_running: null }), { state: 'busy' })?.state).toBe('busy');
    expect(said(engine({ requests_running: null, has_answered: false }))?.state).toBe('starting');
    expect(said(engine(), { state: 'error' })?.state).toBe('error');
  });

  it('is null where nobody asked', () => {
    const [reading] = compose([], [worker([1])]).workers;
    expect(reading).toMatchObject({ requests_running: null, ttft_ms_p95: null, idle_s: null, engine_error: null });
  });
});
