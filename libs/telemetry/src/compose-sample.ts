import type { Collection, CollectionStatus, GpuReading, MonitorReport, NodeReading, WorkerReading } from '#contracts';

import { gpuUseOf, unattributedMb } from './gpu-memory.js';
import type { GpuObservation, MonitorOutcome, WorkerObservation } from './monitor.js';

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

/**
 * Puts together what the monitors know: what nobody contributed is `null`. Works out what takes two sensors to know,
 * such as the GPU memory of a worker. Pure.
 */
export function composeSample(outcomes: readonly MonitorOutcome[], hiveId: string): ComposedSample {
  const gpus = observedGpus(outcomes);
  const workers = outcomes.find(({ contribution }) => contribution?.workers)?.contribution?.workers ?? null;
  const monitors = outcomes.map(({ report }) => report);
  return {
    node: outcomes.reduce((node, { contribution }) => ({ ...node, ...contribution?.node }), UNKNOWN_NODE),
    gpus: (gpus ?? []).map((gpu) => gpuReading(gpu, workers)),
    workers: (workers ?? []).map((worker) => workerReading(worker, gpus, hiveId)),
    collection: { status: collectionStatus(monitors), monitors },
  };
}

function observedGpus(outcomes: readonly MonitorOutcome[]): readonly GpuObservation[] | null {
  const outcome = outcomes.find(({ contribution }) => contribution?.gpus);
  const gpus = outcome?.contribution?.gpus ?? null;
  if (gpus === null || outcome?.unanswered !== true) return gpus;
  return gpus.map((gpu) => (gpu.state === 'lost' ? gpu : { ...gpu, state: 'wedged' }));
}

function gpuReading(gpu: GpuObservation, workers: readonly WorkerObservation[] | null): GpuReading {
  const { processes, ...reading } = gpu;
  return { ...reading, unattributed_vram_mb: unattributedMb(gpu.vram_used_mb, processes, workers) };
}

function workerReading(
  worker: WorkerObservation,
  gpus: readonly GpuObservation[] | null,
  hiveId: string,
): WorkerReading {
  const { computes, ...use } = gpuUseOf(new Set(worker.pids), gpus);
  return {
    ...worker,
    ...use,
    worker_id: `${hiveId}/${worker.group}/${worker.instance}`,
    // The driver tells the utilization of a card, not of a process.
    gpu_util_pct: null,
    state: worker.state === 'ready' && computes ? 'busy' : worker.state,
  };
}

/** Hardware that isn't there says nothing about how the sample went. */
function collectionStatus(reports: readonly MonitorReport[]): CollectionStatus {
  const present = reports.filter(({ status }) => status !== 'absent');
  if (present.every(({ status }) => status === 'ok')) return 'ok';
  return present.every(({ status }) => status === 'failed') ? 'failed' : 'partial';
}
