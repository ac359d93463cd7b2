import type { Answers, Dialect, EngineFacts } from './dialect.js';
import { metricFacts, type MetricNames, metricsQuestion, OPENAI_MODELS, openAiModel } from './facts.js';

const NAMES: MetricNames = {
  running: ['lmdeploy:num_requests_running'],
  waiting: ['lmdeploy:num_requests_waiting'],
  cache: ['lmdeploy:gpu_cache_usage_perc'],
  generated: ['lmdeploy:generation_tokens_total'],
  prompt: ['lmdeploy:prompt_tokens_total'],
  firstToken: ['lmdeploy:time_to_first_token_seconds_bucket'],
};

const METRICS = metricsQuestion(NAMES, { needs: '--enable-metrics' });

const read = (answers: Answers): EngineFacts => ({
  ...openAiModel(answers),
  ...metricFacts(answers.metrics(METRICS), NAMES),
});

/** LMDeploy's api_server (lmdeploy/metrics/loggers.py). One series per data-parallel engine. */
export const lmdeploy: Dialect = {
  engine: 'lmdeploy',
  questions: [METRICS, OPENAI_MODELS],
  read,
  tokensSpanMs: 0,
  keepsConnection: true,
  changesModel: false,
};
