import type { MetricFamilies } from './prometheus-text.js';

/** What an engine is asked. */
export interface Question {
  readonly path: string;
  readonly everyMs: number;
  /** The lines that are taken of a Prometheus exposition; left out where the answer is JSON. */
  readonly metrics?: RegExp;
  /** Above the port that the worker listens on; 0 where left out. */
  readonly portOffset?: number;
  /** Asked only while that one is refused. */
  readonly insteadOf?: Question;
  /** Whether another question brings the same where this one is refused, so that a refusal is not worth a word. */
  readonly isShortcut?: true;
  /** How to have it answered, in a few words; said where the server does not know the path. */
  readonly needs?: string;
}

/** The latest answers to the questions of a dialect: JSON is not checked yet. */
export class Answers {
  constructor(
    private readonly texts: ReadonlyMap<Question, MetricFamilies>,
    private readonly documents: ReadonlyMap<Question, unknown>,
  ) {}

  /** Undefined while the question is unanswered. */
  metrics(question: Question): MetricFamilies | undefined {
    return this.texts.get(question);
  }

  /** A value deep in a JSON answer; undefined where any step of the way is missing. */
  json(question: Question, ...way: readonly (string | number)[]): unknown {
    return way.reduce<unknown>(
      (value, step) =>
        typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[step] : undefined,
      this.documents.get(question),
    );
  }
}

/** Tokens as an engine tells them: a counter that only grows, or a rate that it works out itself. */
export type TokenCount = { readonly total: number } | { readonly perSecond: number };

/** What the answers of an engine mean; `null` is what it does not tell. */
export interface EngineFacts {
  readonly model: string | null;
  readonly contextMax: number | null;
  readonly requestsRunning: number | null;
  readonly requestsWaiting: number | null;
  readonly kvCachePct: number | null;
  readonly generatedTokens: TokenCount | null;
  readonly promptTokens: TokenCount | null;
  /** Counts of the requests whose first token came within so many seconds, by that bound. */
  readonly firstTokenSeconds: ReadonlyMap<number, number> | null;
}

/** How one engine is asked and understood. */
export interface Dialect {
  /** As the worker monitor names it. */
  readonly engine: string;
  /** In the order in which they are asked. */
  readonly questions: readonly Question[];
  /** Pure. */
  readonly read: (answers: Answers) => EngineFacts;
  /** Over how long token rates are taken: 0 is since the answer before, longer for an engine that counts in bursts. */
  readonly tokensSpanMs: number;
  /** Whether a connection may be kept between questions. */
  readonly keepsConnection: boolean;
  /** Whether it may serve another model later without being started anew. */
  readonly changesModel: boolean;
  /** Why there are no numbers even where every question is answered, in one sentence. */
  readonly silence?: string;
}
