import type { Answers, Dialect, EngineFacts } from './dialect.js';
import {
  COUNTED_AT_THE_END_MS,
  metricFacts,
  type MetricNames,
  metricsQuestion,
  OPENAI_MODELS,
  openAiModel,
} from './facts.js';

const NAMES: MetricNames = {
  running: ['trtllm_num_requests_running'],
  waiting: ['trtllm_num_requests_waiting'],
  cache: ['trtllm_kv_cache_utilization'],
  generated: ['trtllm_generation_tokens_total'],
  prompt: ['trtllm_prompt_tokens_total'],
  // Version 1.0 had no prefix.
  firstToken: ['trtllm_time_to_first_token_seconds_bucket', 'time_to_first_token_seconds_bucket'],
};

/**
 * Not its `/metrics`: that hands every iteration's statistics out once, to whoever asks first, and keeps the asker
 * waiting for two seconds while nothing runs.
 */
const METRICS = metricsQuestion(NAMES, {
  path: '/prometheus/metrics',
  needs: 'return_perf_metrics and enable_iter_perf_stats',
});

const read = (answers: Answers): EngineFacts => ({
  ...openAiModel(answers),
  ...metricFacts(answers.metrics(METRICS), NAMES),
});

/** trtllm-serve (tensorrt_llm/metrics/collector.py, tensorrt_llm/serve/openai_server.py). */
export const tensorrtLlm: Dialect = {
  engine: 'tensorrt-llm',
  questions: [METRICS, OPENAI_MODELS],
  read,
  tokensSpanMs: COUNTED_AT_THE_END_MS,
  keepsConnection: true,
  changesModel: false,
};
