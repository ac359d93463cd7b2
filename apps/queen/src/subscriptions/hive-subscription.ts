import { EventSource } from 'eventsource';
import type { Subscription } from 'rxjs';

import { ApiaryError, decodeTelemetryText, describeError, type TelemetryEvent } from '#contracts';
import { backoffMs, type Clock } from '#service-kit';

import type { DialGate, DialHope, DialTurn } from './dial-gate.js';
import { type FetchFailure, guardedFetch } from './guarded-fetch.js';

/** Between two tries: from half a second on, at most half a minute, with full jitter. */
const BACKOFF = { baseMs: 500, capMs: 30_000 };
/** A stream that stood this long was a good one: the next break starts from the shortest wait, in ms. */
const STEADY_MS = 10_000;
/** A stream without an event for this many intervals is dead, whatever TCP says. */
const SILENT_INTERVALS = 5;
/** A call cuts the wait short at most this often, so that a hive that flaps can't have us dial without pause, in ms. */
const CALL_SPACING_MS = 2_000;
/** After this many dials in vain a hive may well be gone. */
const HOPEFUL_DIALS = 3;

/** What a subscription is doing. Closed: every reader handles all of it. */
export type SubscriptionState =
  | { readonly kind: 'dialling' }
  | { readonly kind: 'live' }
  | { readonly kind: 'waiting'; readonly untilMs: number }
  | { readonly kind: 'disposed' };

/** How a stream ended; `stopped` is a hive that said goodbye. */
export interface StreamEnding {
  readonly kind: 'stopped' | 'broken' | 'unreachable' | 'rejected';
  readonly reason: string;
}

/** Who hears from a subscription. Called synchronously; nothing is called after its disposal. */
export interface SubscriptionListener {
  /** `json`: its text, where that holds nothing else. */
  onTelemetry(event: TelemetryEvent, json: string | undefined): void;
  /** Something that is not telemetry; the stream goes on. */
  onMalformed(reason: string): void;
  /** The stream ended or could not be opened; the next try comes by itself. */
  onEnd(ending: StreamEnding): void;
}

/** Which stream is read, and as whom. */
export interface SubscriptionTarget {
  readonly hiveId: string;
  readonly url: string;
  readonly intervalMs: number;
  readonly queenId: string;
  /** Whether the hive has just said that it is there. */
  readonly called: boolean;
}

/**
 * The stream of one hive, kept open for ever. Each EventSource is used for one connection: at its first error it is
 * closed and the wait is ours, because its own reconnection gives up on some errors and hammers on others.
 */
export class HiveSubscription implements Disposable {
  private current: SubscriptionState = { kind: 'dialling' };
  private connection: AbortController | undefined;
  private source: EventSource | undefined;
  private turn: DialTurn | undefined;
  private wait: Subscription | undefined;
  private attempt = 0;
  private openedMs = 0;
  private lastEventMs = 0;
  private lastCallMs = Number.NEGATIVE_INFINITY;
  private intervalMs: number;
  private hope: DialHope;

  constructor(
    private readonly target: SubscriptionTarget,
    private readonly listener: SubscriptionListener,
    private readonly clock: Clock,
    private readonly gate: Pick<DialGate, 'enter'>,
  ) {
    this.intervalMs = target.intervalMs;
    this.hope = target.called ? 'there' : 'perhaps';
    this.dial();
  }

  get state(): SubscriptionState {
    return this.current;
  }

  /** The hive says that it is there: a wait ends now, and it need not stand in line behind those that may be gone. */
  call(): void {
    const nowMs = this.clock.monotonicMs();
    const isInLine = this.current.kind === 'dialling' && this.source === undefined && this.hope === 'perhaps';
    if (this.current.kind !== 'waiting' && !isInLine) return;
    if (nowMs - this.lastCallMs < CALL_SPACING_MS) return;
    this.lastCallMs = nowMs;
    this.attempt = 0;
    this.hope = 'there';
    this.dial();
  }

  /** Ends a stream that has been silent for too long; time in which the queen itself stood still does not count. */
  checkSilence(stalledMs: number): void {
    if (this.source === undefined) return;
    this.lastEventMs += stalledMs;
    const silentMs = this.clock.monotonicMs() - this.lastEventMs;
    if (silentMs < SILENT_INTERVALS * this.intervalMs) return;
    this.end({ kind: 'broken', reason: `no telemetry for ${(silentMs / 1000).toFixed(1)} s` });
  }

  [Symbol.dispose](): void {
    this.current = { kind: 'disposed' };
    this.hangUp();
  }

  private dial(): void {
    this.hangUp();
    this.current = { kind: 'dialling' };
    this.turn = this.gate.enter(() => this.connect(), this.hope);
  }

  private connect(): void {
    this.lastEventMs = this.clock.monotonicMs();
    const connection = new AbortController();
    let failure: FetchFailure | undefined;
    const source = new EventSource(`${this.target.url}/v1/heartbeats/stream`, {
      fetch: guardedFetch({
        headers: { 'X-Apiary-Queen': this.target.queenId },
        signal: connection.signal,
        onFailure: (why) => (failure ??= why),
      }),
    });
    source.addEventListener('open', () => this.turn?.leave());
    this.connection = connection;
    this.source = source;
    // Events of a chunk still arrive after close(): whoever is no longer the current source is not heard.
    const whileCurrent = (handle: (event: MessageEvent) => void) => (event: MessageEvent) => {
      if (this.source === source) handle(event);
    };
    source.addEventListener(
      'heartbeat',
      whileCurrent((event) => this.receive(event.data)),
    );
    source.addEventListener(
      'closing',
      whileCurrent(() => this.end({ kind: 'stopped', reason: 'the hive stopped' })),
    );
    source.addEventListener('error', (event) => {
      // A hive may name an event "error" too: only EventSource's own is no MessageEvent.
      if (this.source === source && !(event instanceof MessageEvent)) this.end(endingOf(failure, event.message));
    });
  }

  private receive(data: unknown): void {
    try {
      const json = String(data);
      const { value: event, isExact } = decodeTelemetryText(json);
      if (event.hive_id !== this.target.hiveId || event.hive_info.id !== this.target.hiveId) {
        this.end({ kind: 'rejected', reason: `it is ${event.hive_id}, not ${this.target.hiveId}` });
        return;
      }
      this.accept(event, isExact ? json : undefined);
    } catch (error) {
      // A throw from here would end the process. What is not the protocol's fault is still a reason to drop the event.
      const prefix = error instanceof ApiaryError ? '' : 'unexpected: ';
      this.listener.onMalformed(`${prefix}${describeError(error)}`);
    }
  }

  private accept(event: TelemetryEvent, json: string | undefined): void {
    this.lastEventMs = this.clock.monotonicMs();
    this.intervalMs = event.interval_ms;
    if (this.current.kind !== 'live') {
      this.current = { kind: 'live' };
      this.hope = 'there';
      this.openedMs = this.lastEventMs;
    }
    this.listener.onTelemetry(event, json);
  }

  private end(ending: StreamEnding): void {
    const nowMs = this.clock.monotonicMs();
    if (this.current.kind === 'live' && nowMs - this.openedMs >= STEADY_MS) this.attempt = 0;
    this.hangUp();
    const waitMs = backoffMs(this.attempt, BACKOFF);
    this.attempt += 1;
    if (this.attempt >= HOPEFUL_DIALS) this.hope = 'perhaps';
    this.current = { kind: 'waiting', untilMs: nowMs + waitMs };
    this.wait = this.clock.scheduler.schedule(() => this.dial(), waitMs);
    this.listener.onEnd(ending);
  }

  private hangUp(): void {
    this.wait?.unsubscribe();
    this.turn?.leave();
    const { source } = this;
    this.source = undefined;
    source?.close();
    // It sets its own reconnection timer after its error event, closed or not; a hive chooses how long that one runs.
    queueMicrotask(() => source?.close());
    this.connection?.abort();
    this.connection = undefined;
  }
}

function endingOf(failure: FetchFailure | undefined, message: string | undefined): StreamEnding {
  if (failure === undefined) return { kind: 'broken', reason: message ?? 'the stream broke' };
  return { kind: failure.kind === 'refused' ? 'rejected' : failure.kind, reason: failure.reason };
}
