import { Inject, Injectable, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import { Subject, type Subscription } from 'rxjs';

import {
  type Connection,
  type FleetWorker,
  type HiveStateEvent,
  type HiveTelemetryEvent,
  type HiveView,
  type QueenEvent,
  type TelemetryEvent,
} from '#contracts';
import { type Beat, Clock, Pulse } from '#service-kit';

import type { HiveEndpoint } from '../endpoint/hive-endpoint.js';
import { QUEEN_CONFIG, type QueenConfig } from '../config/queen-config.js';
import { ageMs, type HiveRecord, isFlapping, isOpen, newRecord, viewOf, withReconnect } from './hive-record.js';
import { judgeHealth } from './liveness.js';
import { fleetWorkers, isOnline } from './fleet-workers.js';
import { passOn } from './pass-on.js';

/** A hive's telemetry as it arrived, or a change of its connection or health, with its text. */
export interface RegistryChange {
  readonly event: HiveTelemetryEvent | HiveStateEvent;
  readonly json: string;
}

/** How a stream ended. `unreachable`: it could not be opened. `rejected`: what answers is not this hive. */
export type StreamEnd = 'stopped' | 'broken' | 'unreachable' | 'rejected';

/** A hive that was known before the queen started is waited for this long, in ms; then it is lost. */
const UNKNOWN_MS = 30_000;
/** A claim to somebody's id is shown for this long after it was last made, in ms. */
const CONTEST_MS = 60_000;
/** A hive that flaps has its state told this often at most, in ms. */
const FLAPPING_SPACING_MS = 2_000;

/** The latest state and the liveness of every hive. */
@Injectable()
export class TelemetryRegistry implements OnModuleInit, OnModuleDestroy {
  private readonly records = new Map<string, HiveRecord>();
  private readonly changes = new Subject<RegistryChange>();
  private watch: Subscription | undefined;
  /** Every telemetry as it arrives, and every change of a hive's connection or health. */
  readonly changes$ = this.changes.asObservable();

  constructor(
    @Inject(Clock) private readonly clock: Clock,
    @Inject(QUEEN_CONFIG) private readonly config: Pick<QueenConfig, 'forgetAfterS'>,
    private readonly pulse: Pulse,
  ) {}

  onModuleInit(): void {
    this.watch = this.pulse.beats$.subscribe((beat) => this.judgeAll(beat));
  }

  onModuleDestroy(): void {
    this.watch?.unsubscribe();
  }

  /** Takes a hive in or renews what is known of it; its last telemetry is kept. */
  admit(endpoint: HiveEndpoint): void {
    const known = this.records.get(endpoint.hiveId);
    if (known === undefined) {
      const record = newRecord(endpoint, this.clock.monotonicMs());
      this.records.set(endpoint.hiveId, record);
      this.tell(record);
    } else {
      known.endpoint = endpoint;
    }
  }

  /** Drops all that is known of a hive. */
  forget(hiveId: string): void {
    const record = this.records.get(hiveId);
    if (record === undefined) return;
    this.records.delete(hiveId);
    this.emit({ ...this.stateOf(record), connection: 'forgotten', health: 'down', reason: 'forgotten' });
  }

  /** Notes that somebody at `url` claims the id of a hive that is live. */
  contest(hiveId: string, url: string): void {
    const record = this.records.get(hiveId);
    if (record === undefined) return;
    record.contest = { url, at: this.clock.timestamp(), atMs: this.clock.monotonicMs() };
    if (isOpen(record.connection)) this.change(record, 'connected');
  }

  /** Hives that have been gone for so long that they are to be forgotten. */
  overdue(): readonly string[] {
    const goneBeforeMs = this.clock.monotonicMs() - this.config.forgetAfterS * 1000;
    return [...this.records.values()]
      .filter(({ connection, goneSinceMs }) => !isOpen(connection) && goneSinceMs < goneBeforeMs)
      .map(({ endpoint }) => endpoint.hiveId);
  }

  /**
   * Takes in a sample that just arrived. One that is not newer than the last is a repetition and is dropped. `json`: its
   * text, if that holds nothing else.
   */
  record(event: TelemetryEvent, json?: string): void {
    const record = this.records.get(event.hive_id);
    if (record === undefined) return;
    const isNews = this.takeIn(record, event);
    record.lastError = null;
    this.change(record, 'connected');
    if (!isNews || record.latest === null) return;
    this.emit(record.latest, json === undefined ? undefined : passOn(json, record.latest.received_at));
  }

  /** Notes that a hive sent something that is not telemetry; `true` for the first time. */
  recordMalformed(hiveId: string): boolean {
    const record = this.records.get(hiveId);
    if (record === undefined) return false;
    record.malformed += 1;
    return record.malformed === 1;
  }

  /** Notes that the stream of a hive ended or could not be opened, and why. */
  markEnded(hiveId: string, end: StreamEnd, why: string): void {
    const record = this.records.get(hiveId);
    if (record === undefined) return;
    record.lastError = end === 'stopped' ? null : why;
    this.change(record, connectionAfter(record, end), why);
  }

  /** Every hive, in the order of their ids. */
  views(): readonly HiveView[] {
    const nowMs = this.clock.monotonicMs();
    const views = [...this.records.values()].map((record) => viewOf(record, nowMs));
    return views.sort((a, b) => (a.hive_id < b.hive_id ? -1 : 1));
  }

  /** One hive; `undefined` if it is not known. */
  view(hiveId: string): HiveView | undefined {
    const record = this.records.get(hiveId);
    return record && viewOf(record, this.clock.monotonicMs());
  }

  /** The workers of all hives that are online. */
  workers(): readonly FleetWorker[] {
    return fleetWorkers([...this.records.values()]);
  }

  /** What the queen says of the fleet now. */
  summary(): QueenEvent {
    const online = [...this.records.values()].filter(isOnline);
    const workers = fleetWorkers(online);
    return {
      type: 'queen',
      workers_online: workers.length,
      workers_available: workers.filter(({ state }) => state === 'ready').length,
      hives_online: online.length,
      hives_available: online.filter(({ health }) => health === 'healthy').length,
      worker_ids: workers.map(({ worker_id }) => worker_id),
      hive_ids: online.map(({ endpoint }) => endpoint.hiveId),
      timestamp: this.clock.timestamp(),
    };
  }

  /** `false` if the sample is a repetition, as after a reconnect. */
  private takeIn(record: HiveRecord, event: TelemetryEvent): boolean {
    const last = record.latest;
    if (last !== null && last.hive_info.boot_id === event.hive_info.boot_id) {
      if (event.seq <= last.seq) return false;
      record.missed += event.seq - last.seq - 1;
    }
    record.latest = { ...event, type: 'hive_telemetry', received_at: this.clock.timestamp() };
    if (record.endpoint.intervalMs !== event.interval_ms) {
      record.endpoint = { ...record.endpoint, intervalMs: event.interval_ms };
    }
    record.lastSeenMs = this.clock.monotonicMs();
    record.received += 1;
    return true;
  }

  /** A queen that stood still itself blames no hive for that time. */
  private judgeAll({ monotonicMs, stalledMs }: Beat): void {
    for (const record of this.records.values()) {
      if (record.lastSeenMs !== null) record.lastSeenMs += stalledMs;
      record.goneSinceMs += stalledMs;
      if (record.contest !== null && monotonicMs - record.contest.atMs > CONTEST_MS) record.contest = null;
      const { connection, goneSinceMs, lastError } = record;
      if (connection === 'unknown' && monotonicMs - goneSinceMs >= UNKNOWN_MS) {
        this.change(record, 'lost', lastError ?? 'not heard since the queen started');
      } else {
        this.change(record, isOpen(connection) ? 'connected' : connection);
      }
    }
  }

  /** Takes over the new state of a connection, judges the hive's health, and tells of it if anything is new. */
  private change(record: HiveRecord, connection: Connection, why?: string): void {
    const nowMs = this.clock.monotonicMs();
    const wasOpen = isOpen(record.connection);
    const verdict = judgeHealth({
      connection,
      ageMs: ageMs(record, nowMs),
      intervalMs: record.endpoint.intervalMs,
      selfReported: record.latest?.hive_info.health_status ?? null,
    });
    const { contest } = record;
    record.connection = connection === 'connected' && contest !== null ? 'conflict' : connection;
    record.health = verdict.health;
    // A stream that is closed stays closed for the reason that closed it.
    if (why !== undefined || isOpen(connection)) record.reason = why ?? verdict.reason;
    if (record.connection === 'conflict') record.reason = `${contest?.url ?? 'somebody'} claims the same id`;
    if (wasOpen && !isOpen(connection)) record.goneSinceMs = nowMs;
    if (!wasOpen && isOpen(connection) && record.received > 1) record.reconnectsMs = withReconnect(record, nowMs);
    this.tell(record);
  }

  /** Tells viewers of a hive's state if it is not what they were told last. */
  private tell(record: HiveRecord): void {
    const { shown, connection, health } = record;
    const nowMs = this.clock.monotonicMs();
    if (shown?.connection === connection && shown.health === health) return;
    if (isFlapping(record, nowMs) && nowMs - record.shownMs < FLAPPING_SPACING_MS) return;
    const event = this.stateOf(record);
    record.shown = { connection, health };
    record.shownMs = nowMs;
    this.emit(event);
  }

  private emit(event: RegistryChange['event'], json = JSON.stringify(event)): void {
    this.changes.next({ event, json });
  }

  private stateOf({ endpoint, connection, health, reason, shown }: HiveRecord): HiveStateEvent {
    const timestamp = this.clock.timestamp();
    return { type: 'hive_state', hive_id: endpoint.hiveId, connection, health, previous: shown, reason, timestamp };
  }
}

/** A break is at first taken for a hiccup; a hive that then can't be reached is lost, unless it had said goodbye. */
function connectionAfter({ connection, latest }: HiveRecord, end: StreamEnd): Connection {
  switch (end) {
    case 'stopped':
    case 'rejected':
      return end;
    case 'broken':
      return latest === null ? connection : 'reconnecting';
    case 'unreachable':
      if (latest === null) return connection;
      return connection === 'stopped' ? 'stopped' : 'lost';
  }
}
