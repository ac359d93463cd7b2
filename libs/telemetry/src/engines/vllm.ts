import type { Answers, Dialect, EngineFacts, Question } from './dialect.js';
import {
  firstOf,
  metricFacts,
  type MetricNames,
  metricsQuestion,
  OPENAI_MODELS,
  openAiModel,
  shortcutTo,
} from './facts.js';
import { labelOf } from './prometheus-text.js';

const NAMES: MetricNames = {
  running: ['vllm:num_requests_running'],
  waiting: ['vllm:num_requests_waiting'],
  cache: ['vllm:kv_cache_usage_perc', 'vllm:gpu_cache_usage_perc'],
  generated: ['vllm:generation_tokens_total'],
  prompt: ['vllm:prompt_tokens_total'],
  firstToken: ['vllm:time_to_first_token_seconds_bucket'],
};

const ALL_METRICS = metricsQuestion(NAMES);
const WANTED_METRICS = shortcutTo(ALL_METRICS, NAMES);
const METRICS: Question = { ...ALL_METRICS, insteadOf: WANTED_METRICS };

function read(answers: Answers): EngineFacts {
  const metrics = answers.metrics(WANTED_METRICS) ?? answers.metrics(METRICS);
  const { model, contextMax } = openAiModel(answers);
  // With an API key only /v1 is closed, and every metric names the model.
  const [running] = firstOf(metrics, NAMES.running);
  return {
    model: model ?? labelOf(running?.labels ?? '', 'model_name') ?? null,
    contextMax,
    ...metricFacts(metrics, NAMES),
  };
}

/** vLLM (vllm/v1/metrics/loggers.py, and vllm/engine/metrics.py before v1). One series per data-parallel engine. */
export const vllm: Dialect = {
  engine: 'vllm',
  questions: [WANTED_METRICS, METRICS, OPENAI_MODELS],
  read,
  tokensSpanMs: 0,
  keepsConnection: true,
  changesModel: false,
};
