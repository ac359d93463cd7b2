import type { Answers, Dialect, EngineFacts, TokenCount } from './dialect.js';
import {
  counted,
  firstOf,
  metricFacts,
  type MetricNames,
  metricsQuestion,
  OPENAI_MODELS,
  openAiModel,
  percent,
  sum,
  withLabel,
} from './facts.js';
import { labelOf, type MetricFamilies, type MetricSample } from './prometheus-text.js';

/** Some versions, and exporters in between, write the prefix with an underscore. */
const named = (name: string): readonly string[] => [`sglang:${name}`, `sglang_${name}`];

const NAMES = {
  running: named('num_running_reqs'),
  waiting: named('num_queue_reqs'),
  cache: named('token_usage'),
  generated: named('generation_tokens_total'),
  prompt: named('prompt_tokens_total'),
  firstToken: named('time_to_first_token_seconds_bucket'),
  throughput: named('gen_throughput'),
  realtime: named('realtime_tokens_total'),
} satisfies MetricNames & Record<string, readonly string[]>;

const METRICS = metricsQuestion(NAMES, { needs: '--enable-metrics' });

/** Real-time counters are kept up once a log interval, which is some forty decoding steps. */
const TOKENS_SPAN_MS = 10_000;

function read(answers: Answers): EngineFacts {
  const metrics = answers.metrics(METRICS);
  return {
    ...openAiModel(answers),
    ...metricFacts(metrics, NAMES),
    requestsRunning: sum(schedulers(firstOf(metrics, NAMES.running))),
    requestsWaiting: sum(schedulers(firstOf(metrics, NAMES.waiting))),
    kvCachePct: percent(schedulers(firstOf(metrics, NAMES.cache))),
    generatedTokens: generated(metrics),
    promptTokens: prompted(metrics),
  };
}

/**
 * One sample per scheduler: the ranks of a tensor-parallel group all tell of the same requests, the ranks of
 * data-parallel groups of different ones, and series with a priority tell again what is in those without.
 */
function schedulers(samples: readonly MetricSample[]): readonly MetricSample[] {
  const groups = new Map<string, MetricSample>();
  for (const sample of samples) {
    if ((labelOf(sample.labels, 'priority') ?? '') !== '') continue;
    const group = labelOf(sample.labels, 'dp_rank') ?? '';
    const known = groups.get(group);
    if (known === undefined || sample.value > known.value) groups.set(group, sample);
  }
  return [...groups.values()];
}

/** `generation_tokens_total` counts a request's tokens when the request ends, so that it comes last. */
function generated(metrics: MetricFamilies | undefined): TokenCount | null {
  const realtime = counted(schedulers(withLabel(firstOf(metrics, NAMES.realtime), 'mode', 'decode')));
  if (realtime !== null) return realtime;
  const perSecond = sum(schedulers(firstOf(metrics, NAMES.throughput)));
  return perSecond === null ? counted(firstOf(metrics, NAMES.generated)) : { perSecond };
}

/** Read as prompts: what is found in the prefix cache is a part of the prompt too. */
function prompted(metrics: MetricFamilies | undefined): TokenCount | null {
  const realtime = firstOf(metrics, NAMES.realtime);
  const computed = sum(schedulers(withLabel(realtime, 'mode', 'prefill_compute')));
  const cached = sum(schedulers(withLabel(realtime, 'mode', 'prefill_cache')));
  if (computed === null && cached === null) return counted(firstOf(metrics, NAMES.prompt));
  return { total: (computed ?? 0) + (cached ?? 0) };
}

/** SGLang (python/sglang/srt/observability/metrics_collector.py; `/v1/models` has `max_model_len`). */
export const sglang: Dialect = {
  engine: 'sglang',
  questions: [METRICS, OPENAI_MODELS],
  read,
  tokensSpanMs: TOKENS_SPAN_MS,
  keepsConnection: true,
  changesModel: false,
};
