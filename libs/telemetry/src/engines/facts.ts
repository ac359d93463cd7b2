import type { Answers, EngineFacts, Question, TokenCount } from './dialect.js';
import { labelOf, linesOf, type MetricFamilies, type MetricSample } from './prometheus-text.js';

/** Gauges and counters are asked for as often as the hive samples by default, what does not change twice a minute. */
export const EVERY_SECOND_MS = 1_000;
export const EVERY_HALF_MINUTE_MS = 30_000;

/** The facts of an engine that tells nothing. */
export const NOTHING_TOLD: EngineFacts = {
  model: null,
  contextMax: null,
  requestsRunning: null,
  requestsWaiting: null,
  kvCachePct: null,
  generatedTokens: null,
  promptTokens: null,
  firstTokenSeconds: null,
};

/** What an engine does that counts each request's tokens only when the request ends: over a minute that evens out. */
export const COUNTED_AT_THE_END_MS = 60_000;

/** How an engine calls its numbers, the newer name first: one that renames a metric gives both for a while. */
export interface MetricNames {
  readonly running: readonly string[];
  readonly waiting: readonly string[];
  /** A share of 0..1. */
  readonly cache: readonly string[];
  readonly generated: readonly string[];
  readonly prompt: readonly string[];
  /** Buckets of a histogram, in seconds. */
  readonly firstToken: readonly string[];
}

/** The question for all of these names. */
export const metricsQuestion = (names: Partial<MetricNames>, more: Partial<Question> = {}): Question => ({
  path: '/metrics',
  everyMs: EVERY_SECOND_MS,
  metrics: linesOf(Object.values(names).flat()),
  ...more,
});

/**
 * The same question for the wanted names alone. The Python client of Prometheus takes them as parameters, which saves
 * the server from writing hundreds of lines a second that nobody reads; one with several processes has none to give.
 */
export function shortcutTo({ path, ...question }: Question, names: Partial<MetricNames>): Question {
  const query = Object.values(names).flatMap((all) => all.map((name) => `name%5B%5D=${name}`));
  return { ...question, path: `${path}?${query.join('&')}`, isShortcut: true };
}

/** What an engine's metrics tell where every series of a name counts other requests than the others. */
export const metricFacts = (
  metrics: MetricFamilies | undefined,
  names: Partial<MetricNames>,
): Omit<EngineFacts, 'model' | 'contextMax'> => ({
  requestsRunning: sum(firstOf(metrics, names.running)),
  requestsWaiting: sum(firstOf(metrics, names.waiting)),
  kvCachePct: percent(firstOf(metrics, names.cache)),
  generatedTokens: counted(firstOf(metrics, names.generated)),
  promptTokens: counted(firstOf(metrics, names.prompt)),
  firstTokenSeconds: buckets(firstOf(metrics, names.firstToken)),
});

/** The samples of the first of several names that is there: engines rename their metrics. */
export function firstOf(families: MetricFamilies | undefined, names: readonly string[] = []): readonly MetricSample[] {
  for (const name of names) {
    const samples = families?.get(name)?.filter(({ value }) => Number.isFinite(value));
    if (samples !== undefined && samples.length > 0) return samples;
  }
  return [];
}

/** Of several engines of one server: the sum. */
export function sum(samples: readonly MetricSample[]): number | null {
  return samples.length === 0 ? null : samples.reduce((total, { value }) => total + value, 0);
}

/**
 * A share of 0..1 in percent. Of several engines of one server the mean: they have equally large caches, so that this
 * is the share of all of their memory.
 */
export function percent(samples: readonly MetricSample[]): number | null {
  const total = sum(samples);
  return total === null ? null : (100 * total) / samples.length;
}

/** A counter over all of its series. */
export function counted(samples: readonly MetricSample[]): TokenCount | null {
  const total = sum(samples);
  return total === null ? null : { total };
}

/** The buckets of a histogram, summed over all of its series. */
export function buckets(samples: readonly MetricSample[]): ReadonlyMap<number, number> | null {
  const sums = new Map<number, number>();
  for (const { labels, value } of samples) {
    const bound = boundOf(labelOf(labels, 'le'));
    if (!Number.isNaN(bound)) sums.set(bound, (sums.get(bound) ?? 0) + value);
  }
  return sums.size === 0 ? null : sums;
}

const boundOf = (le: string | undefined): number =>
  le === '+Inf' ? Number.POSITIVE_INFINITY : Number(le ?? Number.NaN);

/** The series whose label has that value. */
export function withLabel(samples: readonly MetricSample[], label: string, value: string): readonly MetricSample[] {
  return samples.filter(({ labels }) => labelOf(labels, label) === value);
}

/** A JSON value as a text that says something. */
export const text = (value: unknown): string | null => (typeof value === 'string' && value !== '' ? value : null);

/** A JSON value as a number that counts something. */
export const positive = (value: unknown): number | null =>
  typeof value === 'number' && Number.isFinite(value) && value > 0 ? value : null;

/** The list of models that every server with an API like OpenAI's has. */
export const OPENAI_MODELS: Question = { path: '/v1/models', everyMs: EVERY_HALF_MINUTE_MS };

/** The first model of the list, and where the server tells (vLLM, SGLang), its longest request. */
export const openAiModel = (answers: Answers): Pick<EngineFacts, 'model' | 'contextMax'> => ({
  model: text(answers.json(OPENAI_MODELS, 'data', 0, 'id')),
  contextMax: positive(answers.json(OPENAI_MODELS, 'data', 0, 'max_model_len')),
});
