import { posix } from 'node:path';

import type { Answers, Dialect, EngineFacts, Question } from './dialect.js';
import {
  COUNTED_AT_THE_END_MS,
  EVERY_HALF_MINUTE_MS,
  EVERY_SECOND_MS,
  metricFacts,
  type MetricNames,
  metricsQuestion,
  OPENAI_MODELS,
  positive,
  text,
} from './facts.js';

const NAMES: Partial<MetricNames> = {
  running: ['llamacpp:requests_processing'],
  waiting: ['llamacpp:requests_deferred'],
  // Gone since the middle of 2025.
  cache: ['llamacpp:kv_cache_usage_ratio'],
  generated: ['llamacpp:tokens_predicted_total'],
  prompt: ['llamacpp:prompt_tokens_total'],
};

const METRICS = metricsQuestion(NAMES, { needs: '--metrics' });
const SLOTS: Question = { path: '/slots', everyMs: EVERY_SECOND_MS, insteadOf: METRICS };
const PROPS: Question = { path: '/props', everyMs: EVERY_HALF_MINUTE_MS };
/** Open to everybody where the rest asks for a key, and all that llama-cpp-python's server has. */
const MODELS: Question = { ...OPENAI_MODELS, insteadOf: PROPS };

function read(answers: Answers): EngineFacts {
  const told = metricFacts(answers.metrics(METRICS), NAMES);
  return {
    ...told,
    model: modelOf(answers),
    // Of one slot: what `--ctx-size` gives is shared by all of them.
    contextMax: positive(answers.json(PROPS, 'default_generation_settings', 'n_ctx')),
    requestsRunning: told.requestsRunning ?? busySlots(answers.json(SLOTS)),
  };
}

function modelOf(answers: Answers): string | null {
  const alias = text(answers.json(PROPS, 'model_alias'));
  const path = text(answers.json(PROPS, 'model_path')) ?? text(answers.json(MODELS, 'data', 0, 'id'));
  return alias ?? (path === null ? null : posix.basename(path));
}

function busySlots(slots: unknown): number | null {
  if (!Array.isArray(slots)) return null;
  return slots.filter((slot: { is_processing?: unknown } | null) => slot?.is_processing === true).length;
}

/** llama.cpp's llama-server (tools/server/README.md), and as far as it goes llama-cpp-python's server. */
export const llamaCpp: Dialect = {
  engine: 'llama.cpp',
  questions: [METRICS, SLOTS, PROPS, MODELS],
  read,
  tokensSpanMs: COUNTED_AT_THE_END_MS,
  // A kept connection holds one of the few threads that its HTTP server has for all clients.
  keepsConnection: false,
  changesModel: false,
};
