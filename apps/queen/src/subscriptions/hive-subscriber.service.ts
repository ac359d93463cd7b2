import { Inject, Injectable, Logger, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import { Subscription } from 'rxjs';

import { Clock, Pulse } from '#service-kit';

import { type DirectoryChange, HiveDirectory } from '../directory/hive-directory.js';
import type { HiveEndpoint } from '../endpoint/hive-endpoint.js';
import { QueenIdentity } from '../identity/queen-identity.js';
import { TelemetryRegistry } from '../registry/telemetry-registry.js';
import { DialGate } from './dial-gate.js';
import { HiveSubscription, type StreamEnding, type SubscriptionListener } from './hive-subscription.js';

/** Keeps exactly one subscription for every hive of the directory. */
@Injectable()
export class HiveSubscriberService implements OnModuleInit, OnModuleDestroy {
  private readonly log = new Logger(HiveSubscriberService.name);
  private readonly subscriptions = new Map<string, HiveSubscription>();
  private readonly watches = new Subscription();

  constructor(
    @Inject(Clock) private readonly clock: Clock,
    private readonly directory: HiveDirectory,
    private readonly registry: TelemetryRegistry,
    private readonly identity: QueenIdentity,
    private readonly pulse: Pulse,
    private readonly gate: DialGate,
  ) {}

  onModuleInit(): void {
    this.watches.add(this.directory.changes$.subscribe((change) => this.follow(change)));
    this.watches.add(
      this.pulse.beats$.subscribe(({ stalledMs }) => {
        for (const subscription of this.subscriptions.values()) subscription.checkSilence(stalledMs);
        for (const hiveId of this.registry.overdue()) this.directory.remove(hiveId);
      }),
    );
  }

  onModuleDestroy(): void {
    this.watches.unsubscribe();
    for (const hiveId of [...this.subscriptions.keys()]) this.detach(hiveId);
  }

  private follow(change: DirectoryChange): void {
    switch (change.kind) {
      case 'added':
      case 'replaced':
        this.registry.admit(change.endpoint);
        this.attach(change.endpoint);
        break;
      case 'called':
        this.registry.admit(change.endpoint);
        this.subscriptions.get(change.endpoint.hiveId)?.call();
        break;
      case 'contested':
        this.registry.contest(change.hiveId, change.url);
        break;
      case 'removed':
        this.detach(change.hiveId);
        this.registry.forget(change.hiveId);
        break;
    }
  }

  private attach({ hiveId, url, intervalMs, foundBy }: HiveEndpoint): void {
    this.detach(hiveId);
    const target = { hiveId, url, intervalMs, queenId: this.identity.queenId, called: foundBy !== 'state-file' };
    this.subscriptions.set(hiveId, new HiveSubscription(target, this.listenerFor(hiveId), this.clock, this.gate));
  }

  private detach(hiveId: string): void {
    this.subscriptions.get(hiveId)?.[Symbol.dispose]();
    this.subscriptions.delete(hiveId);
  }

  private listenerFor(hiveId: string): SubscriptionListener {
    return {
      onTelemetry: (event, json) => {
        this.directory.report(hiveId, { outcome: 'live', lastError: null });
        this.registry.record(event, json);
      },
      onMalformed: (reason) => {
        if (this.registry.recordMalformed(hiveId)) {
          this.log.warn(`${hiveId} sent something that is not telemetry: ${reason}; more of it is only counted`);
        }
      },
      onEnd: (ending) => this.noteEnd(hiveId, ending),
    };
  }

  private noteEnd(hiveId: string, { kind, reason }: StreamEnding): void {
    const outcome = kind === 'unreachable' || kind === 'rejected' ? 'unreachable' : 'connecting';
    this.directory.report(hiveId, { outcome, lastError: reason });
    this.registry.markEnded(hiveId, kind, reason);
  }
}
