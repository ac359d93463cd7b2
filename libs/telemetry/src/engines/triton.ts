import type { Answers, Dialect, EngineFacts } from './dialect.js';
import { firstOf, metricsQuestion, NOTHING_TOLD, sum, withLabel } from './facts.js';
import { labelOf, type MetricFamilies, type MetricSample } from './prometheus-text.js';

const NAMES = {
  waiting: ['nv_inference_pending_request_count'],
  successes: ['nv_inference_request_success'],
  // Of the TensorRT-LLM backend.
  requests: ['nv_trt_llm_request_metrics'],
  cacheBlocks: ['nv_trt_llm_kv_cache_block_metrics'],
};

/** HTTP, gRPC and metrics stand on three ports in a row, by default 8000 to 8002. */
const METRICS_PORT_OFFSET = 2;

const METRICS = metricsQuestion(NAMES, { portOffset: METRICS_PORT_OFFSET });

function read(answers: Answers): EngineFacts {
  const metrics = answers.metrics(METRICS);
  const requests = firstOf(metrics, NAMES.requests);
  return {
    ...NOTHING_TOLD,
    model: onlyModel(metrics),
    requestsRunning: sum(withLabel(requests, 'request_type', 'scheduled')),
    requestsWaiting: sum(withLabel(requests, 'request_type', 'waiting')) ?? sum(firstOf(metrics, NAMES.waiting)),
    kvCachePct: usedBlocksPct(firstOf(metrics, NAMES.cacheBlocks)),
  };
}

/** Not the `fraction` that it tells too: in its own documentation that is 0.49 of one block in 6239. */
function usedBlocksPct(blocks: readonly MetricSample[]): number | null {
  const [used, max] = ['used', 'max'].map((type) => sum(withLabel(blocks, 'kv_cache_block_type', type)) ?? Number.NaN);
  const pct = (100 * (used ?? Number.NaN)) / (max ?? Number.NaN);
  return Number.isFinite(pct) ? pct : null;
}

/** A server of several models has no name to go by. */
function onlyModel(metrics: MetricFamilies | undefined): string | null {
  const models = new Set(firstOf(metrics, NAMES.successes).map(({ labels }) => labelOf(labels, 'model')));
  const [model] = models;
  return models.size === 1 ? (model ?? null) : null;
}

/** Triton (docs/user_guide/metrics.md) and its TensorRT-LLM backend (tensorrtllm_backend/README.md). */
export const triton: Dialect = {
  engine: 'triton',
  questions: [METRICS],
  read,
  tokensSpanMs: 0,
  keepsConnection: true,
  changesModel: true,
};
