import { Injectable } from '@nestjs/common';

import { HealthSource } from '#service-kit';

import { QueenIdentity } from './identity/queen-identity.js';
import { TelemetryRegistry } from './registry/telemetry-registry.js';

/** The queen is ready as soon as it listens; what its hives do changes nothing. */
@Injectable()
export class QueenHealth extends HealthSource {
  constructor(
    private readonly identity: QueenIdentity,
    private readonly registry: TelemetryRegistry,
  ) {
    super();
  }

  override notReadyBecause(): undefined {
    return undefined;
  }

  override facts(): Readonly<Record<string, unknown>> {
    const { hives_online, workers_online } = this.registry.summary();
    return { queen_id: this.identity.queenId, version: this.identity.version, hives_online, workers_online };
  }
}
