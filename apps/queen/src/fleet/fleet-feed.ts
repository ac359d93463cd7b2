import { Inject, Injectable, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import { Interval } from '@nestjs/schedule';
import { concat, defer, filter, type Observable, of, Subject, Subscription } from 'rxjs';

import { type FleetEvent, fleetEventName, type SnapshotEvent } from '#contracts';
import { Clock, encodeSse, ShutdownGate } from '#service-kit';

import { QueenIdentity } from '../identity/queen-identity.js';
import { TelemetryRegistry } from '../registry/telemetry-registry.js';
import { type FleetFilter, passes } from './fleet-filter.js';

/** How often the queen speaks of the fleet, in ms. */
const SUMMARY_MS = 2_500;

/** An event with its bytes, which all viewers share. */
export interface FleetFrame {
  readonly event: FleetEvent;
  readonly bytes: Buffer;
}

/** The merged stream: everything that happens in the fleet, each event encoded once. */
@Injectable()
export class FleetFeed implements OnModuleInit, OnModuleDestroy {
  private readonly frames = new Subject<FleetFrame>();
  private readonly sources = new Subscription();
  private sequence = 0;

  constructor(
    @Inject(Clock) private readonly clock: Clock,
    private readonly registry: TelemetryRegistry,
    private readonly identity: QueenIdentity,
    private readonly gate: ShutdownGate,
  ) {}

  onModuleInit(): void {
    this.sources.add(this.registry.changes$.subscribe((event) => this.publish(event)));
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

  /** The snapshot first, then everything that passes the filter. Completes at shutdown, never errors. */
  open(wanted: FleetFilter): Observable<FleetFrame> {
    const live$ = this.frames.pipe(filter(({ event }) => passes(wanted, event)));
    return concat(
      defer(() => of(this.encode(this.snapshot(wanted)))),
      live$,
    );
  }

  /** Every hive's latest state, or that of the wanted ones. */
  snapshot(wanted?: FleetFilter): SnapshotEvent {
    return {
      type: 'snapshot',
      queen_id: this.identity.queenId,
      timestamp: this.clock.timestamp(),
      hives: this.registry.views().filter(({ hive_id }) => wanted?.hives?.has(hive_id) ?? true),
    };
  }

  /** An event that one viewer alone gets; it stands in the order of the stream but moves it no further. */
  encode(event: FleetEvent): FleetFrame {
    const id = `${this.identity.queenId.slice(0, 8)}:${this.sequence}`;
    const text = encodeSse({ id, event: fleetEventName(event.type), data: JSON.stringify(event) });
    return { event, bytes: Buffer.from(text) };
  }

  private publish(event: FleetEvent): void {
    this.sequence += 1;
    this.frames.next(this.encode(event));
  }
}
