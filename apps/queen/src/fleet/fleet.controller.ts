import { Controller, Get, Inject, Param } from '@nestjs/common';

import { ApiaryError, type HiveView, limits, type SnapshotEvent } from '#contracts';
import { ApiErrors, ApiOkResponse, ApiOperation, ApiTags, Clock } from '#service-kit';

import { QueenIdentity } from '../identity/queen-identity.js';
import { TelemetryRegistry } from '../registry/telemetry-registry.js';
import { FleetFeed } from './fleet-feed.js';

/** The state of the fleet as plain JSON. */
@ApiTags('hives')
@Controller('v1')
export class FleetController {
  private readonly startedMs: number;

  constructor(
    @Inject(Clock) private readonly clock: Clock,
    private readonly registry: TelemetryRegistry,
    private readonly feed: FleetFeed,
    private readonly identity: QueenIdentity,
  ) {
    this.startedMs = clock.monotonicMs();
  }

  @Get('heartbeats')
  @ApiOperation({ summary: 'The whole state: what a `snapshot` event carries' })
  @ApiOkResponse({ description: 'a `snapshot` event' })
  heartbeats(): SnapshotEvent {
    return this.feed.snapshot();
  }

  @Get('hives')
  @ApiOperation({ summary: 'Every hive: how it was found, its connection, its health, its latest telemetry' })
  @ApiOkResponse({ description: '`{hives: […]}`, in the order of their ids' })
  hives(): { hives: readonly HiveView[] } {
    return { hives: this.registry.views() };
  }

  @Get('hives/:id')
  @ApiOperation({ summary: 'One hive' })
  @ApiOkResponse({ description: 'an item of `GET /v1/hives`' })
  @ApiErrors('HIVE_UNKNOWN')
  hive(@Param('id') hiveId: string): HiveView {
    const view = this.registry.view(hiveId);
    if (view === undefined) throw new ApiaryError('HIVE_UNKNOWN', `no hive ${JSON.stringify(hiveId)}`);
    return view;
  }

  @Get('info')
  @ApiOperation({ summary: 'Who this queen is, and its limits' })
  @ApiOkResponse({ description: '`{name, version, queen_id, uptime_s, limits}`' })
  info(): Readonly<Record<string, unknown>> {
    const { queenId, version } = this.identity;
    return {
      name: 'apiary-queen',
      version,
      queen_id: queenId,
      uptime_s: Math.round((this.clock.monotonicMs() - this.startedMs) / 1000),
      limits: {
        hives_max: limits.HIVES_MAX,
        gpus_per_hive_max: limits.GPUS_PER_HIVE_MAX,
        workers_per_hive_max: limits.WORKERS_PER_HIVE_MAX,
        event_bytes_max: limits.EVENT_BYTES_MAX,
        body_bytes_max: limits.BODY_BYTES_MAX,
      },
    };
  }
}
