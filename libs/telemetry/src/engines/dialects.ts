import type { Dialect } from './dialect.js';
import { NOTHING_TOLD, OPENAI_MODELS, openAiModel } from './facts.js';
import { llamaCpp } from './llama-cpp.js';
import { lmdeploy } from './lmdeploy.js';
import { ollama } from './ollama.js';
import { sglang } from './sglang.js';
import { tensorrtLlm } from './tensorrt-llm.js';
import { tgi } from './tgi.js';
import { triton } from './triton.js';
import { vllm } from './vllm.js';

/** Every engine whose numbers are known: a new one is one file and one line here. */
export const DIALECTS: readonly Dialect[] = [vllm, sglang, tgi, llamaCpp, ollama, triton, tensorrtLlm, lmdeploy];

/** Any other server: most have an API like OpenAI's, and that tells the model. */
const openAiCompatible = (engine: string): Dialect => ({
  engine,
  questions: [OPENAI_MODELS],
  read: (answers) => ({ ...NOTHING_TOLD, ...openAiModel(answers) }),
  tokensSpanMs: 0,
  keepsConnection: false,
  changesModel: true,
  silence: 'this engine is asked for its model only',
});

/** How to talk to an engine, by the name that the worker monitor gives it. */
export const dialectOf = (engine: string): Dialect =>
  DIALECTS.find((dialect) => dialect.engine === engine) ?? openAiCompatible(engine);
