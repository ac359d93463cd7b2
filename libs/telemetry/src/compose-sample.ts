import {
  type Collection,
  type CollectionStatus,
  type EngineMetrics,
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

const NOT_ASKED = { model: null, has_answered: null, error: null } as const;

/** What an engine says of which nobody could ask it. */
const SILENT_ENGINE: EngineMetrics & Pick<WorkerReading, 'idle_s'> = {
  requests_running: null,
  requests_waiting: null,
  tokens_per_s: null,
  prompt_tokens_per_s: null,
  kv_cache_pct: null,
  ttft_ms_p50: null,
  ttft_ms_p95: null,
  context_max: null,
  idle_s: null,
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

function gpuReading({ ageMs = 0, ...gpu }: NumberedGpu, index: number, known: Known): GpuReading {
  return {
    ...gpu,
    index,
    age_ms: round(ageMs, 1),
    unattributed_vram_mb: unattributedMb(gpu.vram_used_mb, gpu.processes, known.workers),
    processes: gpuProcesses(gpu.processes, known.processes, known.workerOf),
  };
}

function workerReading(worker: WorkerObservation, known: Known): WorkerReading {
  const { computes, ...use } = gpuUseOf(new Set(worker.pids), known.gpus);
  const engine = known.engines.get(`${worker.group}/${worker.instance}`);
  const { has_answered, error, model, ...metrics } = engine ?? { ...SILENT_ENGINE, ...NOT_ASKED };
  return {
    ...worker,
    ...use,
    ...metrics,
    ...(model === null ? {} : { model, model_source: 'engine' as const }),
    engine_error: error,
    pids: worker.pids.slice(0, limits.PIDS_PER_WORKER_MAX),
    worker_id: workerId(worker, known.hiveId),
    state: workerState(worker.state, computes, has_answered, metrics.requests_running),
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
