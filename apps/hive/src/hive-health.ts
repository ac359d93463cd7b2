import { Injectable } from '@nestjs/common';

import { HealthSource } from '#service-kit';

import { QueenAnnouncer } from './announce/queen-announcer.js';
import { HiveIdentity } from './identity/hive-identity.js';
import { QueenReaders } from './readers/queen-readers.js';
import { HiveSampler } from './sampling/hive-sampler.js';

/** The hive is ready with its first sample; what its sensors say changes nothing. */
@Injectable()
export class HiveHealth extends HealthSource {
  constructor(
    private readonly identity: HiveIdentity,
    private readonly sampler: HiveSampler,
    private readonly announcer: QueenAnnouncer,
    private readonly readers: QueenReaders,
  ) {
    super();
  }

  override notReadyBecause(): string | undefined {
    return this.sampler.latest === undefined ? 'no sample has been taken yet' : undefined;
  }

  override facts(): Readonly<Record<string, unknown>> {
    const { hiveId, version } = this.identity;
    const seq = this.sampler.latest?.seq ?? 0;
    return {
      hive_id: hiveId,
      version,
      seq,
      queen_url: this.announcer.queen ?? null,
      read_by_queen: this.readers.reading,
    };
  }
}
