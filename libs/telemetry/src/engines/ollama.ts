import type { Answers, Dialect, EngineFacts, Question } from './dialect.js';
import { NOTHING_TOLD, positive, text } from './facts.js';

/** Models come and go within one server, and the answer is small. */
const LOADED: Question = { path: '/api/ps', everyMs: 2_000 };
/** Most loaded models that are looked at. */
const MODELS_MAX = 64;

/** Of several loaded models the one that was used last: each is unloaded a set time after its last request. */
function read(answers: Answers): EngineFacts {
  const models = answers.json(LOADED, 'models');
  const count = Array.isArray(models) ? Math.min(models.length, MODELS_MAX) : 0;
  let latest: { readonly index: number; readonly expiresMs: number } | undefined;
  for (let index = 0; index < count; index++) {
    const expiresMs = Date.parse(text(answers.json(LOADED, 'models', index, 'expires_at')) ?? '') || 0;
    if (latest === undefined || expiresMs > latest.expiresMs) latest = { index, expiresMs };
  }
  if (latest === undefined) return NOTHING_TOLD;
  return {
    ...NOTHING_TOLD,
    model: text(answers.json(LOADED, 'models', latest.index, 'name')),
    contextMax: positive(answers.json(LOADED, 'models', latest.index, 'context_length')),
  };
}

/** Ollama (docs/api.md, "List Running Models"). */
export const ollama: Dialect = {
  engine: 'ollama',
  questions: [LOADED],
  read,
  tokensSpanMs: 0,
  keepsConnection: true,
  changesModel: true,
  silence: 'Ollama tells its models, but no requests and tokens',
};
