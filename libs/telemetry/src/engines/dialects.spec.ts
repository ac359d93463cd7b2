import { describe, expect, it } from '@jest/globals';

import { engineCapture } from '#testing';

import { Answers, type Dialect, type EngineFacts, type Question } from './dialect.js';
import { DIALECTS, dialectOf } from './dialects.js';
import { NOTHING_TOLD } from './facts.js';
import { type MetricFamilies, parsePrometheusText } from './prometheus-text.js';
import { quantileOf } from './quantile.js';

/** What a dialect makes of the files that its paths answer with. */
function understood(dialect: Dialect, files: Readonly<Record<string, string>>): EngineFacts {
  const texts = new Map<Question, MetricFamilies>();
  const documents = new Map<Question, unknown>();
  for (const question of dialect.questions) {
    const file = files[question.path.split('?', 1)[0] ?? ''];
    if (file === undefined) continue;
    if (question.metrics === undefined) documents.set(question, JSON.parse(engineCapture(file)));
    else texts.set(question, parsePrometheusText(engineCapture(file), question.metrics));
  }
  return dialect.read(new Answers(texts, documents));
}

const TABLE: readonly [engine: string, files: Readonly<Record<string, string>>, facts: Partial<EngineFacts>][] = [
  [
    'vllm',
    { '/metrics': 'vllm-0.5.0/metrics.txt', '/v1/models': 'vllm-0.5.0/made-models.json' },
    {
      model: 'facebook/opt-125m',
      contextMax: 2048,
      requestsRunning: 0,
      requestsWaiting: 0,
      kvCachePct: 0,
      generatedTokens: { total: 7 },
      promptTokens: { total: 5 },
    },
  ],
  [
    'vllm',
    { '/metrics': 'made-vllm-0.11/metrics.txt', '/v1/models': 'made-vllm-0.11/models.json' },
    {
      model: 'qwen3-32b',
      contextMax: 40_960,
      requestsRunning: 7,
      requestsWaiting: 2,
      kvCachePct: 31.25,
      generatedTokens: { total: 1_012_468 },
      promptTokens: { total: 160_214 },
    },
  ],
  [
    'sglang',
    { '/metrics': 'sglang-0.4/metrics.txt', '/v1/models': 'sglang-0.4/made-models.json' },
    {
      model: 'meta-llama/Llama-3.1-8B-Instruct',
      contextMax: 131_072,
      requestsRunning: 162,
      requestsWaiting: 2826,
      kvCachePct: 28,
      generatedTokens: { perSecond: 86.508_141_777_269_02 },
      promptTokens: { total: 8_128_902 },
    },
  ],
  [
    'sglang',
    { '/metrics': 'made-sglang-0.5/metrics.txt', '/v1/models': 'made-sglang-0.5/models.json' },
    {
      model: 'deepseek-ai/DeepSeek-V3.1',
      contextMax: 163_840,
      requestsRunning: 12,
      requestsWaiting: 3,
      kvCachePct: 60,
      generatedTokens: { total: 40_000 },
      promptTokens: { total: 3_000 },
    },
  ],
  [
    'tgi',
    { '/metrics': 'made-tgi-3/metrics.txt', '/info': 'made-tgi-3/info.json' },
    {
      model: 'HuggingFaceH4/zephyr-7b-beta',
      contextMax: 4096,
      requestsRunning: 4,
      requestsWaiting: 7,
      generatedTokens: { total: 64_000 },
      promptTokens: { total: 91_080 },
    },
  ],
  [
    'llama.cpp',
    { '/metrics': 'llama.cpp/made-metrics.txt', '/props': 'llama.cpp/props.json' },
    {
      model: 'Meta-Llama-3.1-8B-Instruct-Q4_K_M.gguf',
      contextMax: 1024,
      requestsRunning: 2,
      requestsWaiting: 1,
      generatedTokens: { total: 39_080 },
      promptTokens: { total: 1817 },
    },
  ],
  [
    'llama.cpp',
    { '/slots': 'llama.cpp/slots.json', '/props': 'llama.cpp/props.json' },
    { model: 'Meta-Llama-3.1-8B-Instruct-Q4_K_M.gguf', contextMax: 1024, requestsRunning: 2 },
  ],
  ['llama.cpp', { '/v1/models': 'llama.cpp/models.json' }, { model: 'Meta-Llama-3.1-8B-Instruct-Q4_K_M.gguf' }],
  ['ollama', { '/api/ps': 'ollama/ps.json' }, { model: 'gemma3', contextMax: 4096 }],
  ['ollama', { '/api/ps': 'ollama/made-two.json' }, { model: 'qwen3:32b', contextMax: 32_768 }],
  ['triton', { '/metrics': 'triton/metrics.txt' }, { requestsWaiting: 0 }],
  [
    'triton',
    { '/metrics': 'triton-trt-llm-23.11/metrics.txt' },
    { model: 'tensorrt_llm', requestsRunning: 1, requestsWaiting: 1, kvCachePct: 100 / 6239 },
  ],
  [
    'tensorrt-llm',
    { '/prometheus/metrics': 'made-tensorrt-llm-1.2/metrics.txt', '/v1/models': 'made-tensorrt-llm-1.2/models.json' },
    {
      model: 'nvidia/Llama-3.3-70B-Instruct-FP8',
      requestsRunning: 6,
      requestsWaiting: 2,
      kvCachePct: 12.5,
      generatedTokens: { total: 3400 },
      promptTokens: { total: 1200 },
    },
  ],
  [
    'lmdeploy',
    { '/metrics': 'made-lmdeploy-0.10/metrics.txt', '/v1/models': 'made-lmdeploy-0.10/models.json' },
    {
      model: 'internlm3-8b-instruct',
      requestsRunning: 2,
      requestsWaiting: 0,
      kvCachePct: 6.25,
      generatedTokens: { total: 4400 },
      promptTokens: { total: 900 },
    },
  ],
  ['koboldcpp', { '/v1/models': 'made-lmdeploy-0.10/models.json' }, { model: 'internlm3-8b-instruct' }],
];

/** Median and 95th percentile of all that was counted, in ms. */
const FIRST_TOKEN: readonly [engine: string, file: string, p50: number, p95: number][] = [
  ['vllm', 'vllm-0.5.0/metrics.txt', 375, 487.5],
  ['vllm', 'made-vllm-0.11/metrics.txt', 93.4, 467],
  ['sglang', 'sglang-0.4/metrics.txt', 30_000, 30_000],
  ['sglang', 'made-sglang-0.5/metrics.txt', 266.7, 386.7],
  ['tensorrt-llm', 'made-tensorrt-llm-1.2/metrics.txt', 193.8, 437.5],
  ['lmdeploy', 'made-lmdeploy-0.10/metrics.txt', 15, 19.5],
];

describe('every engine, by what it answers', () => {
  it.each(TABLE)('%s %j', (engine, files, facts) => {
    const { firstTokenSeconds: _, ...told } = understood(dialectOf(engine), files);
    const { firstTokenSeconds: __, ...nothing } = NOTHING_TOLD;
    const expected = { ...nothing, ...facts };
    expect({ ...told, kvCachePct: told.kvCachePct?.toFixed(6) }).toEqual({
      ...expected,
      kvCachePct: expected.kvCachePct?.toFixed(6),
    });
  });

  it.each(FIRST_TOKEN)('%s tells in %s how long the first token took', (engine, file, p50, p95) => {
    const path = engine === 'tensorrt-llm' ? '/prometheus/metrics' : '/metrics';
    const buckets = understood(dialectOf(engine), { [path]: file }).firstTokenSeconds ?? new Map<number, number>();
    const ms = [0.5, 0.95].map((share) => Math.round((quantileOf(buckets, share) ?? -1) * 10_000) / 10);
    expect(ms).toEqual([p50, p95]);
  });

  it('takes the model from the metrics of vLLM where its list of models is closed', () => {
    const { model, contextMax } = understood(dialectOf('vllm'), { '/metrics': 'made-vllm-0.11/metrics.txt' });
    expect([model, contextMax]).toEqual(['Qwen/Qwen3-32B', null]);
  });

  it('tells nothing where nothing is answered, or something else', () => {
    for (const dialect of DIALECTS) {
      expect(understood(dialect, {})).toEqual(NOTHING_TOLD);
      const odd = [null, 1, 'x', [], {}, [null], { data: {}, models: [null, 7], model_id: 5 }, { data: [{ id: '' }] }];
      for (const document of odd) {
        const documents = new Map(dialect.questions.map((question) => [question, document] as const));
        expect({ ...dialect.read(new Answers(new Map(), documents)), requestsRunning: null }).toEqual(NOTHING_TOLD);
      }
    }
  });
});
