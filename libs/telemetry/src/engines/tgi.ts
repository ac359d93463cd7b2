import type { Answers, Dialect, EngineFacts, Question } from './dialect.js';
import {
  COUNTED_AT_THE_END_MS,
  EVERY_HALF_MINUTE_MS,
  metricFacts,
  type MetricNames,
  metricsQuestion,
  positive,
  text,
} from './facts.js';

/** It tells neither the time to the first token (prefill is measured without the queue) nor the use of its cache. */
const NAMES: Partial<MetricNames> = {
  running: ['tgi_batch_current_size'],
  waiting: ['tgi_queue_size'],
  // Sums of histograms: there are no counters of tokens.
  generated: ['tgi_request_generated_tokens_sum'],
  prompt: ['tgi_request_input_length_sum'],
};

const METRICS = metricsQuestion(NAMES);
const INFO: Question = { path: '/info', everyMs: EVERY_HALF_MINUTE_MS };

const read = (answers: Answers): EngineFacts => ({
  model: text(answers.json(INFO, 'model_id')),
  contextMax: positive(answers.json(INFO, 'max_total_tokens')),
  ...metricFacts(answers.metrics(METRICS), NAMES),
});

/** Text Generation Inference (docs/source/reference/metrics.md; `Info` in router/src/lib.rs). */
export const tgi: Dialect = {
  engine: 'tgi',
  questions: [METRICS, INFO],
  read,
  tokensSpanMs: COUNTED_AT_THE_END_MS,
  keepsConnection: true,
  changesModel: false,
};
