import type { EngineMetrics } from '#contracts';

import { clip } from '../clip.js';
import { round } from '../rate.js';
import type { EngineFacts, TokenCount } from './dialect.js';
import { GrowthWindow } from './growth-window.js';
import { quantileOf } from './quantile.js';

/** Over how long the time to the first token is looked at: few engines have a new request every second. */
const FIRST_TOKEN_SPAN_MS = 60_000;

export const NO_METRICS: EngineMetrics = {
  requests_running: null,
  requests_waiting: null,
  tokens_per_s: null,
  prompt_tokens_per_s: null,
  kv_cache_pct: null,
  ttft_ms_p50: null,
  ttft_ms_p95: null,
  context_max: null,
};

/** Makes the metrics of one engine of what it told, answer after answer: rates, and how long it has been idle. */
export class EngineReading {
  metrics: EngineMetrics = NO_METRICS;
  private readonly generated: GrowthWindow<'total'>;
  private readonly prompt: GrowthWindow<'total'>;
  private readonly firstToken = new GrowthWindow<number>(FIRST_TOKEN_SPAN_MS);
  private name: string | null = null;
  /** What all token counters came to; `null` where there are none. */
  private tokens: number | null = null;
  /** When it was last seen at work, or first seen; `null` where it can't be told. */
  private activeAtMs: number | null = null;

  constructor(tokensSpanMs: number) {
    this.generated = new GrowthWindow(tokensSpanMs);
    this.prompt = new GrowthWindow(tokensSpanMs);
  }

  get model(): string | null {
    return this.name;
  }

  /** How long no request has run, as far as it was watched. */
  idleS(nowMs: number): number | null {
    return this.activeAtMs === null ? null : round((nowMs - this.activeAtMs) / 1000, 1);
  }

  /** `unwatched`: it could not be asked for a while, so that nobody knows what it did. */
  take(facts: EngineFacts, atMs: number, unwatched: boolean): void {
    this.name = owned(facts.model);
    this.activeAtMs = this.activeAt(facts, atMs, unwatched);
    const firstToken = this.firstToken.take(facts.firstTokenSeconds, atMs)?.by;
    const quantileMs = (share: number): number | null => rounded(quantileOf(firstToken ?? new Map(), share), 1000);
    this.metrics = {
      requests_running: facts.requestsRunning,
      requests_waiting: facts.requestsWaiting,
      tokens_per_s: rateOf(facts.generatedTokens, this.generated, atMs),
      prompt_tokens_per_s: rateOf(facts.promptTokens, this.prompt, atMs),
      kv_cache_pct: rounded(facts.kvCachePct),
      ttft_ms_p50: quantileMs(0.5),
      ttft_ms_p95: quantileMs(0.95),
      context_max: facts.contextMax,
    };
  }

  private activeAt(facts: EngineFacts, atMs: number, unwatched: boolean): number | null {
    const { requestsRunning, generatedTokens, promptTokens } = facts;
    const before = this.tokens;
    this.tokens = totalOf(generatedTokens, promptTokens);
    if (requestsRunning === null && this.tokens === null) return null;
    const moved = before !== null && this.tokens !== before;
    const unknown = unwatched && (before === null || this.tokens === null);
    return this.activeAtMs === null || (requestsRunning ?? 0) > 0 || moved || unknown ? atMs : this.activeAtMs;
  }
}

function rateOf(tokens: TokenCount | null, window: GrowthWindow<'total'>, atMs: number): number | null {
  const total = tokens !== null && 'total' in tokens ? tokens.total : null;
  const growth = window.take(total === null ? null : new Map([['total', total]]), atMs);
  if (tokens !== null && 'perSecond' in tokens) return rounded(tokens.perSecond);
  return growth === null ? null : rounded(((growth.by.get('total') ?? 0) * 1000) / growth.overMs);
}

function totalOf(...counts: readonly (TokenCount | null)[]): number | null {
  const totals = counts.flatMap((count) => (count !== null && 'total' in count ? [count.total] : []));
  return totals.length === 0 ? null : totals.reduce((sum, total) => sum + total, 0);
}

const rounded = (value: number | null, scale = 1): number | null => (value === null ? null : round(value * scale, 1));

/** A text of its own: a part of an answer would keep the whole answer in memory. */
const owned = (text: string | null): string | null => (text === null ? null : Buffer.from(clip(text)).toString());
