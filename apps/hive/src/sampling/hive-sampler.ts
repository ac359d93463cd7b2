import { arch, release } from 'node:os';
import { setImmediate as nextTurn } from 'node:timers/promises';

import { Inject, Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { concat, defer, exhaustMap, from, Observable, of, Subject, type Subscription } from 'rxjs';

import type { Collection, HiveHealthStatus, HiveInfo, TelemetryEvent, WorkerReading } from '#contracts';
import { Clock } from '#service-kit';
import { composeSample, type MachineFacts, type MonitorRunner } from '#telemetry';

import { HIVE_CONFIG, type HiveConfig } from '../config/hive-config.js';
import { HiveIdentity } from '../identity/hive-identity.js';

/** Injection token of the monitors' runners, in reading order. */
export const MONITOR_RUNNERS = Symbol('MonitorRunners');
/** Injection token of the `MachineFacts`. */
export const MACHINE_FACTS = Symbol('MachineFacts');

/** A beat waits this share of its interval for the monitors; who is later is in the next one. */
const GRACE_SHARE = 0.25;

/** The one sampling loop. It runs from start to stop, whoever listens, so that rates always have a sample before. */
@Injectable()
export class HiveSampler implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly samples = new Subject<TelemetryEvent>();
  private loop: Subscription | undefined;
  private seq = 0;
  private latestEvent: TelemetryEvent | undefined;

  /** The latest sample at once, if there is one, then every new one. Never errors. */
  readonly telemetry$: Observable<TelemetryEvent> = defer(() =>
    this.latestEvent === undefined ? this.samples : concat(of(this.latestEvent), this.samples),
  );

  constructor(
    @Inject(HIVE_CONFIG) private readonly config: HiveConfig,
    @Inject(MONITOR_RUNNERS) private readonly runners: readonly MonitorRunner[],
    @Inject(MACHINE_FACTS) private readonly facts: MachineFacts,
    @Inject(Clock) private readonly clock: Clock,
    private readonly identity: HiveIdentity,
  ) {}

  get latest(): TelemetryEvent | undefined {
    return this.latestEvent;
  }

  onApplicationBootstrap(): void {
    this.loop = beats(this.config.intervalMs, this.clock)
      .pipe(exhaustMap(() => from(this.sample())))
      .subscribe((event) => {
        this.latestEvent = event;
        this.samples.next(event);
      });
  }

  onModuleDestroy(): void {
    this.loop?.unsubscribe();
    for (const runner of this.runners) runner[Symbol.dispose]();
  }

  private async sample(): Promise<TelemetryEvent> {
    const startedMs = this.clock.monotonicMs();
    await this.readInTime();
    const outcomes = this.runners.map((runner) => runner.outcome());
    const { node, gpus, workers, collection: fared } = composeSample(outcomes, this.config.hiveId);
    const took_ms = Math.round(this.clock.monotonicMs() - startedMs);
    const collection: Collection = { ...fared, took_ms };
    this.seq += 1;
    return {
      type: 'telemetry',
      hive_id: this.config.hiveId,
      hive_info: this.hiveInfo(collection, workers),
      timestamp: this.clock.timestamp(),
      seq: this.seq,
      interval_ms: this.config.intervalMs,
      node,
      gpus,
      workers,
      collection,
    };
  }

  private async readInTime(): Promise<void> {
    let graceIsOver = (): void => undefined;
    const late = new Promise<void>((resolve) => (graceIsOver = resolve));
    const grace = this.clock.scheduler.schedule(() => graceIsOver(), this.config.intervalMs * GRACE_SHARE);
    await Promise.race([this.readAll(), late]);
    grace.unsubscribe();
  }

  /**
   * Starts the sensors one after the other and waits for none: between two of them whatever else came in has its turn,
   * so that many short readings never add up to one long block. Stops where the hive closes meanwhile.
   */
  private async readAll(): Promise<void> {
    const readings: Promise<void>[] = [];
    for (const runner of this.runners) {
      if (this.loop?.closed === true) return;
      readings.push(runner.start());
      await nextTurn();
    }
    await Promise.all(readings);
  }

  private hiveInfo(collection: Collection, workers: readonly WorkerReading[]): HiveInfo {
    const { hiveId, hostname, port, url, version, bootId } = this.identity;
    return {
      id: hiveId,
      hostname,
      port,
      url,
      operational_status: workers.some(({ state }) => state === 'busy') ? 'busy' : 'ready',
      health_status: healthOf(collection),
      version,
      boot_id: bootId,
      os: this.facts.os,
      kernel: release(),
      arch: arch(),
    };
  }
}

/** One at once, then one per interval on a fixed beat: a timer that counts from its last turn would lose time. */
function beats(intervalMs: number, clock: Clock): Observable<void> {
  return new Observable((subscriber) => {
    let dueMs = clock.monotonicMs();
    const beat = (): void => {
      const nowMs = clock.monotonicMs();
      // What fell due while the process stood still is over.
      dueMs += intervalMs * Math.max(1, Math.ceil((nowMs - dueMs) / intervalMs));
      next = clock.scheduler.schedule(beat, dueMs - nowMs);
      subscriber.next();
    };
    let next = clock.scheduler.schedule(beat, 0);
    return () => next.unsubscribe();
  });
}

function healthOf({ monitors }: Collection): HiveHealthStatus {
  const sick = monitors.filter(({ status }) => status === 'failed' || status === 'stale');
  if (sick.length === 0) return { status: 'healthy' };
  return { status: 'degraded', reason: sick.map(({ name, error }) => `${name}: ${error ?? 'stale'}`).join('; ') };
}
