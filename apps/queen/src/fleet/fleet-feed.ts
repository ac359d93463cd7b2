import { Inject, Injectable, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import { Interval } from '@nestjs/schedule';
import { type Observable, Subject, Subscription } from 'rxjs';

import type { FleetEvent, SnapshotEvent } from '#contracts';
import { Clock, ShutdownGate } from '#service-kit';

import { QueenIdentity } from '../identity/queen-identity.js';
import { TelemetryRegistry } from '../registry/telemetry-registry.js';
import { encodeFleet, type FleetFrame, frameOf, movedTo } from './fleet-frame.js';

/** How often the queen speaks of the fleet, in ms. */
const SUMMARY_MS = 2_500;

/** The merged stream: everything that happens in the fleet, each event encoded once. */
@Injectable()
export class FleetFeed implements OnModuleInit, OnModuleDestroy {
  private readonly frames = new Subject<FleetFrame>();
  private readonly sources = new Subscription();
  private sequence = 0;
  /** Every frame as it is published. Completes at shutdown, never errors. */
  readonly frames$: Observable<FleetFrame> = this.frames.asObservable();
  /** Begins every id: a place in the stream means nothing to another queen, nor to this one after a restart. */
  readonly epoch: string;

  constructor(
    @Inject(Clock) private readonly clock: Clock,
    private readonly registry: TelemetryRegistry,
    private readonly identity: QueenIdentity,
    private readonly gate: ShutdownGate,
  ) {
    this.epoch = identity.queenId.slice(0, 8);
  }

  onModuleInit(): void {
    this.sources.add(this.registry.changes$.subscribe(({ event, json }) => this.publish(event, json)));
    this.sources.add(
      this.gate.closing$.subscribe(() => {
        this.publish({ type: 'closing', reason: 'shutdown' });
        this.frames.complete();
      }),
    );
  }

  onModuleDestroy(): void {
    // The farewell comes from the gate, which may be destroyed after this.
    this.gate.closing$.subscribe(() => this.sources.unsubscribe());
  }

  @Interval(SUMMARY_MS)
  publishSummary(): void {
    this.publish(this.registry.summary());
  }

  /** Every hive's latest state, or that of the wanted ones. */
  snapshot(hives?: ReadonlySet<string>): SnapshotEvent {
    return {
      type: 'snapshot',
      queen_id: this.identity.queenId,
      timestamp: this.clock.timestamp(),
      hives: this.registry.views().filter(({ hive_id }) => hives?.has(hive_id) ?? true),
    };
  }

  /** Whether a hive is no longer of the fleet. */
  hasForgotten(hiveId: string): boolean {
    return this.registry.view(hiveId) === undefined;
  }

  /** An event that some viewers alone get; it stands in the order of the stream but moves it no further. */
  aside(type: FleetEvent['type'], json: string): Buffer {
    return encodeFleet(type, json, this.sequence, this.epoch);
  }

  /** The frame as if it had been published last. */
  reissue(frame: FleetFrame): FleetFrame {
    return movedTo(frame, this.sequence, this.epoch);
  }

  private publish(event: FleetEvent, json = JSON.stringify(event)): void {
    this.sequence += 1;
    this.frames.next(frameOf(event, json, this.sequence, this.epoch));
  }
}
