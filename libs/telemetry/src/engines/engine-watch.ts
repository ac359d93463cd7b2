import type { Clock } from '#service-kit';

import { clip, sentence } from '../clip.js';
import type { EngineObservation } from '../monitor.js';
import type { InferenceServer } from '../sightings.js';
import { Answers, type Dialect, type EngineFacts, type Question } from './dialect.js';
import { EngineReading, NO_METRICS } from './engine-reading.js';
import { LoopbackConnection } from './loopback-connection.js';
import { type MetricFamilies, parsePrometheusText } from './prometheus-text.js';

/** How long one visit may take, whatever it asks, in ms. */
export const VISIT_BUDGET_MS = 500;
/** Numbers without a newer answer are shown for so long, in ms, and at least until it could have been asked twice. */
export const KEEP_MS = 5_000;
/** The first wait after a visit that failed, and the longest. */
const RETRY_MS = 1_000;
const RETRY_MS_MAX = 30_000;
/** The longest wait for a server that has never answered: it loads its model, and the end of that must be seen. */
const STARTING_RETRY_MS_MAX = 2_000;
/** A path that a server refuses is asked for again after so long: a setting seldom changes while a server runs. */
const REFUSED_RETRY_MS = 60_000;
/** A key is not found overnight. */
const KEY_RETRY_MS = 300_000;
/** What falls due so soon is asked now: samples do not come to the millisecond. */
const SLACK_MS = 200;

/** What is over by itself: too many requests, an error, a gateway without its server, a model that is loading. */
const PASSING_STATUSES: ReadonlySet<number> = new Set([429, 500, 502, 503, 504]);

const NEEDS_KEY = 'the server asks for a key';
const NONE_TOLD = 'it tells none of the numbers that are known of it';

/** How one question stands. */
interface Standing {
  dueAtMs: number;
  refusal: string | null;
}

/** Asks one server, each question at its pace, and knows what it said. */
export class EngineWatch implements Disposable {
  private readonly standings: ReadonlyMap<Question, Standing>;
  private readonly texts = new Map<Question, MetricFamilies>();
  private readonly documents = new Map<Question, unknown>();
  private readonly reading: EngineReading;
  private readonly connections = new Map<number, LoopbackConnection>();
  private visiting = false;
  private hasAnswered = false;
  private failures = 0;
  private retryAtMs = 0;
  private failingSince = '';
  /** Why the last visit failed, and since when all do. */
  private trouble: string | null = null;
  /** Whether there are answers that the reading has not taken yet. */
  private hasNumbers = false;
  /** When it last told numbers, or that it has none. */
  private answeredAtMs: number | undefined;
  /** How often the most frequent question is asked. */
  private readonly paceMs: number;
  lastVisitMs = 0;

  constructor(
    readonly server: InferenceServer,
    private readonly dialect: Dialect,
    private readonly clock: Clock,
  ) {
    this.reading = new EngineReading(dialect.tokensSpanMs);
    this.paceMs = Math.min(...dialect.questions.map(({ everyMs }) => everyMs));
    this.standings = new Map(dialect.questions.map((question) => [question, { dueAtMs: 0, refusal: null }]));
  }

  /** Whether its last visit was in vain. */
  get failing(): boolean {
    return this.failures > 0;
  }

  /** Whether there is something to ask now. Never while a visit is under way. */
  get due(): boolean {
    const soonMs = this.clock.monotonicMs() + SLACK_MS;
    return (
      !this.visiting && this.retryAtMs <= soonMs && this.dialect.questions.some((each) => this.isDue(each, soonMs))
    );
  }

  /**
   * Asks what is due, one question after the other. Never rejects, never takes longer than its budget. Where the answer
   * before is older than `keepMs`, nobody knows what happened since.
   */
  async visit(keepMs: number): Promise<void> {
    this.visiting = true;
    const startedMs = (this.lastVisitMs = this.clock.monotonicMs());
    const deadline = this.clock.scheduler.schedule(() => this.hangUp(), VISIT_BUDGET_MS);
    try {
      const failure = await this.askAll(startedMs + SLACK_MS);
      if (failure === null) this.succeeded(keepMs);
      else this.failed(failure);
    } catch (error) {
      this.failed(sentence(error));
    } finally {
      deadline.unsubscribe();
      this.visiting = false;
    }
  }

  /** What is known now; numbers without a newer answer for `keepMs` are not. */
  observe(keepMs: number): EngineObservation {
    const nowMs = this.clock.monotonicMs();
    const { reading, trouble } = this;
    const { model, metrics } = reading;
    const has_answered = this.hasAnswered || trouble !== null ? this.hasAnswered : null;
    if (this.isStale(nowMs, keepMs)) {
      // What a process has loaded stays what it was, though nobody can ask it.
      const kept = this.dialect.changesModel ? { model: null } : { model, context_max: metrics.context_max };
      return { has_answered, ...NO_METRICS, ...kept, idle_s: null, error: trouble ?? this.lack() };
    }
    return { has_answered, model, ...metrics, idle_s: reading.idleS(nowMs), error: this.lack() };
  }

  [Symbol.dispose](): void {
    for (const connection of this.connections.values()) connection[Symbol.dispose]();
  }

  private isStale(nowMs: number, keepMs: number): boolean {
    return this.answeredAtMs === undefined || nowMs - this.answeredAtMs > Math.max(keepMs, 2 * this.paceMs);
  }

  private isDue(question: Question, soonMs: number): boolean {
    const { insteadOf } = question;
    if (insteadOf !== undefined && (this.standings.get(insteadOf)?.refusal ?? null) === null) return false;
    return (this.standings.get(question)?.dueAtMs ?? Infinity) <= soonMs;
  }

  /** Why the visit was in vain; `null` where it was not. */
  private async askAll(soonMs: number): Promise<string | null> {
    for (const question of this.dialect.questions) {
      // Looked at only now: an answer decides whether the next question is one.
      if (!this.isDue(question, soonMs)) continue;
      const failure = await this.ask(question);
      if (failure !== null && !this.hasNumbers) return failure;
      // Numbers that are here count, whatever becomes of the rest of the visit.
      if (failure !== null) return this.postpone(question);
      this.hasNumbers ||= question.everyMs === this.paceMs;
    }
    return null;
  }

  private postpone(question: Question): null {
    this.stand(question, { dueAtMs: this.lastVisitMs + question.everyMs, refusal: null });
    return null;
  }

  /** Why the visit is over; `null` where the server answered, be it with a refusal. */
  private async ask(question: Question): Promise<string | null> {
    const outcome = await this.connectionFor(question).get(question.path);
    if (outcome.kind === 'silence') return outcome.error;
    if (outcome.kind === 'nonsense') this.refused(question, outcome.error, REFUSED_RETRY_MS);
    else if (outcome.status === 200) this.understand(question, outcome.body);
    else if (outcome.status === 401 || outcome.status === 403) this.refused(question, NEEDS_KEY, KEY_RETRY_MS);
    else if (PASSING_STATUSES.has(outcome.status)) return this.passing(question, outcome.status);
    else this.refused(question, refusalOf(question, outcome.status), REFUSED_RETRY_MS);
    this.hasAnswered = true;
    return null;
  }

  /** A server that still loads its model says "service unavailable" to everything: that is no answer yet. */
  private passing(question: Question, status: number): string {
    if (status !== 503) this.hasAnswered = true;
    return `it answers ${status} to ${pathOf(question)}`;
  }

  private understand(question: Question, body: string): void {
    const { metrics, everyMs, isShortcut } = question;
    try {
      if (metrics === undefined) this.documents.set(question, JSON.parse(body));
      else this.texts.set(question, parsePrometheusText(body, metrics));
    } catch (error) {
      const told = metrics === undefined ? 'that is not JSON' : sentence(error);
      this.refused(question, `${pathOf(question)}: ${told}`, REFUSED_RETRY_MS);
      return;
    }
    // Some engines have no metrics before their first request; who gives none by name has others.
    if (this.texts.get(question)?.size === 0) {
      this.refused(question, NONE_TOLD, isShortcut === true ? REFUSED_RETRY_MS : everyMs);
      return;
    }
    this.stand(question, { dueAtMs: this.lastVisitMs + everyMs, refusal: null });
  }

  private refused(question: Question, refusal: string, retryMs: number): void {
    this.texts.delete(question);
    this.documents.delete(question);
    this.stand(question, { dueAtMs: this.lastVisitMs + retryMs, refusal: clip(refusal) });
  }

  private stand(question: Question, now: Standing): void {
    Object.assign(this.standings.get(question) ?? {}, now);
  }

  private succeeded(keepMs: number): void {
    const nowMs = this.clock.monotonicMs();
    const unwatched = this.isStale(nowMs, keepMs);
    this.failures = 0;
    this.trouble = null;
    // A visit that asked for the model only says nothing of the numbers.
    if (!this.hasNumbers) return;
    this.hasNumbers = false;
    this.answeredAtMs = nowMs;
    this.reading.take(this.facts(), nowMs, unwatched);
    // What was parsed has parts of the answer in it, which would keep all of it in memory.
    this.texts.clear();
  }

  private facts(): EngineFacts {
    return this.dialect.read(new Answers(this.texts, this.documents));
  }

  private failed(error: string): void {
    this.failures++;
    const waitMs = RETRY_MS * 2 ** Math.min(this.failures - 1, 30);
    const nowMs = this.clock.monotonicMs();
    this.retryAtMs = nowMs + Math.min(waitMs, this.hasAnswered ? RETRY_MS_MAX : STARTING_RETRY_MS_MAX);
    if (this.failures === 1) this.failingSince = this.clock.timestamp();
    this.trouble = clip(`${error}, since ${this.failingSince}`);
  }

  private hangUp(): void {
    for (const connection of this.connections.values()) connection.hangUp(`no answer within ${VISIT_BUDGET_MS} ms`);
  }

  /** Why numbers are missing though the server answers. */
  private lack(): string | null {
    for (const [{ everyMs, isShortcut }, { refusal }] of this.standings) {
      if (refusal !== null && everyMs === this.paceMs && isShortcut !== true) return refusal;
    }
    if (this.dialect.silence !== undefined) return this.dialect.silence;
    return this.answeredAtMs === undefined ? 'its first answer is still to come' : null;
  }

  private connectionFor({ portOffset = 0 }: Question): LoopbackConnection {
    const known = this.connections.get(portOffset);
    if (known !== undefined) return known;
    const origin = new URL(this.server.origin);
    origin.port = String(Number(origin.port) + portOffset);
    const connection = new LoopbackConnection(origin.origin, this.dialect.keepsConnection);
    this.connections.set(portOffset, connection);
    return connection;
  }
}

/** A server that does not have a path says so in several ways. */
function refusalOf(question: Question, status: number): string {
  const { needs } = question;
  const lacking = needs !== undefined && [404, 405, 501].includes(status);
  return `it answers ${status} to ${pathOf(question)}${lacking ? `, which needs ${needs}` : ''}`;
}

/** Without parameters, for people. */
const pathOf = ({ path }: Question): string => path.split('?', 1)[0] ?? path;
