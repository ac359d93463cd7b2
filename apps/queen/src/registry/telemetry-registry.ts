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

import { ageMs, type HiveFacts, type HiveRecord, newRecord, viewOf } from './hive-record.js';
import { judgeHealth } from './liveness.js';
import { fleetWorkers, isOnline } from './fleet-workers.js';

/** How a stream ended. `unreachable`: it could not be opened. `rejected`: what answers is not this hive. */
export type StreamEnd = 'stopped' | 'broken' | 'unreachable' | 'rejected';

/** The latest state and the liveness of every hive. */
@Injectable()
export class TelemetryRegistry implements OnModuleInit, OnModuleDestroy {
  private readonly records = new Map<string, HiveRecord>();
  private readonly changes = new Subject<HiveTelemetryEvent | HiveStateEvent>();
  private watch: Subscription | undefined;
  /** Every telemetry as it arrives, and every change of a hive's connection or health. */
  readonly changes$ = this.changes.asObservable();

  constructor(
    @Inject(Clock) private readonly clock: Clock,
    private readonly pulse: Pulse,
  ) {}

  onModuleInit(): void {
    this.watch = this.pulse.beats$.subscribe((beat) => this.judgeAll(beat));
  }

  onModuleDestroy(): void {
    this.watch?.unsubscribe();
  }

  /** Takes a hive in or renews what is known of it; its last telemetry is kept. */
  admit(facts: HiveFacts): void {
    const known = this.records.get(facts.hiveId);
    if (known === undefined) {
      const record = newRecord(facts);
      this.records.set(facts.hiveId, record);
      this.publishState(record, null);
    } else {
      known.facts = facts;
    }
  }

  /** Drops all that is known of a hive. */
  forget(hiveId: string): void {
    const record = this.records.get(hiveId);
    if (record === undefined) return;
    this.records.delete(hiveId);
    this.publishState(record, record, 'forgotten');
  }

  /** Takes in a sample that just arrived. One that is not newer than the last is a repetition and is dropped. */
  record(event: TelemetryEvent): void {
    const record = this.records.get(event.hive_id);
    if (record === undefined) return;
    const isNews = this.takeIn(record, event);
    record.lastError = null;
    this.change(record, 'connected');
    if (isNews && record.latest !== null) this.changes.next(record.latest);
  }

  /** Notes that a hive sent something that is not telemetry; `true` for the first time since it was well. */
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
      hive_ids: online.map(({ facts }) => facts.hiveId),
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
    const { type, interval_ms, ...sample } = event;
    record.latest = { type: 'hive_telemetry', ...sample, received_at: this.clock.timestamp() };
    record.facts = { ...record.facts, intervalMs: interval_ms };
    record.lastSeenMs = this.clock.monotonicMs();
    record.received += 1;
    return true;
  }

  /** A queen that stood still itself blames no hive for that time. */
  private judgeAll({ stalledMs }: Beat): void {
    for (const record of this.records.values()) {
      if (record.lastSeenMs !== null) record.lastSeenMs += stalledMs;
      this.change(record, record.connection);
    }
  }

  private change(record: HiveRecord, connection: Connection, why?: string): void {
    const { facts, latest } = record;
    const previous = { connection: record.connection, health: record.health };
    const verdict = judgeHealth({
      connection,
      ageMs: ageMs(record, this.clock.monotonicMs()),
      intervalMs: facts.intervalMs,
      selfReported: latest?.hive_info.health_status ?? null,
    });
    record.connection = connection;
    record.health = verdict.health;
    // A stream that is closed stays closed for the reason that closed it.
    if (why !== undefined || connection === 'connected') record.reason = why ?? verdict.reason;
    if (connection === previous.connection && verdict.health === previous.health) return;
    this.publishState(record, previous);
  }

  private publishState(
    { facts, connection, health, reason }: HiveRecord,
    previous: Pick<HiveRecord, 'connection' | 'health'> | null,
    now: HiveStateEvent['connection'] = connection,
  ): void {
    this.changes.next({
      type: 'hive_state',
      hive_id: facts.hiveId,
      connection: now,
      health: now === 'forgotten' ? 'down' : health,
      previous: previous && { connection: previous.connection, health: previous.health },
      reason: now === 'forgotten' ? 'forgotten on request' : reason,
      timestamp: this.clock.timestamp(),
    });
  }
}

/** A break is at first taken for a hiccup; a hive that then can't be reached is lost, unless it had said goodbye. */
function connectionAfter({ connection, latest }: HiveRecord, end: StreamEnd): Connection {
  switch (end) {
    case 'stopped':
    case 'rejected':
      return end;
    case 'broken':
      return latest === null ? 'connecting' : 'reconnecting';
    case 'unreachable':
      if (latest === null) return 'connecting';
      return connection === 'stopped' ? 'stopped' : 'lost';
  }
}
