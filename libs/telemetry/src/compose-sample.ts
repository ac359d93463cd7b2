import {
  type Collection,
  type CollectionStatus,
  type GpuReading,
  limits,
  type MonitorReport,
  type NodeReading,
  type WorkerReading,
  type WorkerState,
} from '#contracts';

import { fitProcesses, fitWorkers } from './fit-event.js';
import { gpuProcesses, gpuUseOf, type NumberedGpu, unattributedMb } from './gpu-memory.js';
import { inPciOrder } from './gpu-order.js';
import type {
  Contribution,
  EngineObservation,
  GpuObservation,
  MonitorOutcome,
  ProcessObservation,
  WorkerObservation,
} from './monitor.js';
import { round } from './rate.js';

/** What one sample says of the machine; how long `collection` took is the caller's to add. */
export interface ComposedSample {
  readonly node: NodeReading;
  readonly gpus: readonly GpuReading[];
  readonly workers: readonly WorkerReading[];
  readonly collection: Omit<Collection, 'took_ms'>;
}

const UNKNOWN_NODE: NodeReading = {
  cpu_pct: null,
  cpu_count: null,
  load_1m: null,
  ram_used_mb: null,
  ram_total_mb: null,
  swap_used_mb: null,
  swap_total_mb: null,
  uptime_s: null,
  net_rx_mb_s: null,
  net_tx_mb_s: null,
  disk_r_mb_s: null,
  disk_w_mb_s: null,
  cpu_temp_c: null,
  pressure: null,
};

/** What is known of an engine that nobody asks. */
const SILENT_ENGINE: EngineObservation = {
  requests_running: null,
  requests_waiting: null,
  tokens_per_s: null,
  prompt_tokens_per_s: null,
  kv_cache_pct: null,
  ttft_ms_p50: null,
  ttft_ms_p95: null,
  context_max: null,
  model: null,
  idle_s: null,
  has_answered: null,
  error: null,
};

/** What several sensors know of the processes of this machine. */
interface Known {
  readonly hiveId: string;
  /** `null` where no sensor told. */
  readonly gpus: readonly NumberedGpu[] | null;
  readonly workers: readonly WorkerObservation[] | null;
  readonly processes: ReadonlyMap<number, ProcessObservation>;
  readonly engines: ReadonlyMap<string, EngineObservation>;
  readonly workerOf: ReadonlyMap<number, string>;
}

/**
 * Puts together what the monitors know: what nobody contributed is `null`. Works out what takes several sensors to
 * know, such as the GPU memory of a worker. Pure.
 */
export function composeSample(outcomes: readonly MonitorOutcome[], hiveId: string): ComposedSample {
  const known = knownFrom(outcomes, hiveId);
  const all = (known.workers ?? []).map((worker) => workerReading(worker, known));
  const workers = fitWorkers(all);
  const monitors = outcomes.map(({ report, contribution }) =>
    contribution?.workers && workers.length < all.length
      ? { ...report, hint: `an event holds no more than ${workers.length} of ${all.length} workers` }
      : report,
  );
  return {
    node: outcomes.reduce((node, { contribution }) => ({ ...node, ...contribution?.node }), UNKNOWN_NODE),
    gpus: fitProcesses((known.gpus ?? []).map((gpu, index) => gpuReading(gpu, index, known))),
    workers,
    collection: { status: collectionStatus(monitors), monitors },
  };
}

function knownFrom(outcomes: readonly MonitorOutcome[], hiveId: string): Known {
  const first = <K extends keyof Contribution>(key: K): Contribution[K] | undefined =>
    outcomes.find(({ contribution }) => contribution?.[key] !== undefined)?.contribution?.[key];
  const workers = first('workers') ?? null;
  const owners = (workers ?? []).flatMap((worker) =>
    worker.pids.map((pid) => [pid, workerId(worker, hiveId)] as const),
  );
  return {
    hiveId,
    gpus: observedGpus(outcomes),
    workers,
    processes: first('processes') ?? new Map(),
    engines: first('engines') ?? new Map(),
    workerOf: new Map(owners),
  };
}

/** The cards of all monitors in one order, so that a card keeps its number whatever becomes of the others. */
function observedGpus(outcomes: readonly MonitorOutcome[]): readonly NumberedGpu[] | null {
  const told = outcomes.filter(({ contribution }) => contribution?.gpus);
  if (told.length === 0) return null;
  return inPciOrder(told.flatMap(aged))
    .slice(0, limits.GPUS_PER_HIVE_MAX)
    .map((gpu, index) => ({ ...gpu, id: `GPU-${index}` }));
}

function aged({ contribution, report, unanswered }: MonitorOutcome): readonly GpuObservation[] {
  return (contribution?.gpus ?? []).map((gpu) => ({
    ...gpu,
    ageMs: (gpu.ageMs ?? 0) + (report.age_ms ?? 0),
    state: unanswered === true && gpu.state === 'ok' ? 'wedged' : gpu.state,
  }));
}

// Every field by name: of an object this wide V8 makes a dictionary when it is spread, forty times as large.
function gpuReading(gpu: NumberedGpu, index: number, known: Known): GpuReading {
  return {
    id: gpu.id,
    index,
    uuid: gpu.uuid,
    name: gpu.name,
    vendor: gpu.vendor,
    pci_bus_id: gpu.pci_bus_id,
    driver_version: gpu.driver_version,
    compute_capability: gpu.compute_capability,
    source: gpu.source,
    age_ms: round(gpu.ageMs ?? 0, 1),
    util_pct: gpu.util_pct,
    mem_util_pct: gpu.mem_util_pct,
    vram_used_mb: gpu.vram_used_mb,
    vram_total_mb: gpu.vram_total_mb,
    temp_c: gpu.temp_c,
    mem_temp_c: gpu.mem_temp_c,
    power_w: gpu.power_w,
    power_limit_w: gpu.power_limit_w,
    energy_j: gpu.energy_j,
    fan_pct: gpu.fan_pct,
    sm_clock_mhz: gpu.sm_clock_mhz,
    mem_clock_mhz: gpu.mem_clock_mhz,
    pcie_gen: gpu.pcie_gen,
    pcie_width: gpu.pcie_width,
    pcie_rx_mb_s: gpu.pcie_rx_mb_s,
    pcie_tx_mb_s: gpu.pcie_tx_mb_s,
    throttle_reasons: gpu.throttle_reasons,
    ecc_errors: gpu.ecc_errors,
    remapped_rows: gpu.remapped_rows,
    xid_last: gpu.xid_last,
    mig_mode: gpu.mig_mode,
    mig_devices: gpu.mig_devices,
    unattributed_vram_mb: unattributedMb(gpu.vram_used_mb, gpu.processes, known.workers),
    processes: gpuProcesses(gpu.processes, known.processes, known.workerOf),
    state: gpu.state,
  };
}

function workerReading(worker: WorkerObservation, known: Known): WorkerReading {
  const use = gpuUseOf(new Set(worker.pids), known.gpus);
  const engine = known.engines.get(`${worker.group}/${worker.instance}`) ?? SILENT_ENGINE;
  return {
    pid: worker.pid,
    pids: worker.pids.slice(0, limits.PIDS_PER_WORKER_MAX),
    found_by: worker.found_by,
    group: worker.group,
    instance: worker.instance,
    worker_id: workerId(worker, known.hiveId),
    cgroup: worker.cgroup,
    container: worker.container,
    command: worker.command,
    port: worker.port,
    engine: worker.engine,
    model: engine.model ?? worker.model,
    model_source: engine.model === null ? worker.model_source : 'engine',
    engine_error: engine.error,
    requests_running: engine.requests_running,
    requests_waiting: engine.requests_waiting,
    tokens_per_s: engine.tokens_per_s,
    prompt_tokens_per_s: engine.prompt_tokens_per_s,
    kv_cache_pct: engine.kv_cache_pct,
    ttft_ms_p50: engine.ttft_ms_p50,
    ttft_ms_p95: engine.ttft_ms_p95,
    context_max: engine.context_max,
    cpu_pct: worker.cpu_pct,
    rss_mb: worker.rss_mb,
    io_r_mb_s: worker.io_r_mb_s,
    io_w_mb_s: worker.io_w_mb_s,
    uptime_s: worker.uptime_s,
    idle_s: engine.idle_s,
    gpu_util_pct: use.gpu_util_pct,
    power_est_w: use.power_est_w,
    vram_mb: use.vram_mb,
    total_vram_mb: use.total_vram_mb,
    gpu_ids: use.gpu_ids,
    state: workerState(worker.state, use.computes, engine.has_answered, engine.requests_running),
  };
}

/** What the engine says goes before what the OS shows, but for a process that has ended. */
function workerState(
  seen: WorkerState,
  computes: boolean,
  hasAnswered: boolean | null,
  requestsRunning: number | null,
): WorkerState {
  if (seen === 'error') return seen;
  if (hasAnswered === false) return 'starting';
  if (requestsRunning !== null) return requestsRunning > 0 ? 'busy' : 'ready';
  return seen === 'ready' && computes ? 'busy' : seen;
}

const workerId = ({ group, instance }: WorkerObservation, hiveId: string): string => `${hiveId}/${group}/${instance}`;

/** Hardware that isn't there says nothing about how the sample went. */
function collectionStatus(reports: readonly MonitorReport[]): CollectionStatus {
  const present = reports.filter(({ status }) => status !== 'absent');
  if (present.every(({ status }) => status === 'ok')) return 'ok';
  return present.every(({ status }) => status === 'failed') ? 'failed' : 'partial';
}
