import { Controller, Get, Inject, type OnModuleDestroy, type OnModuleInit, Query, Req, Res } from '@nestjs/common';
import type { Request, Response } from 'express';
import type { Subscription } from 'rxjs';

import {
  ApiErrors,
  ApiOkResponse,
  ApiOperation,
  ApiProduces,
  ApiQuery,
  ApiTags,
  Clock,
  encodeSseRetry,
  Pulse,
  SSE_HEADERS,
} from '#service-kit';

import { FleetFeed } from './fleet-feed.js';
import { type FleetFilterQuery, parseFleetFilter } from './fleet-filter.js';
import { Viewer } from './viewer.js';

/** A viewer whose queen went away comes back at a random moment of this time, in ms: a thousand don't come at once. */
const RETRY_MIN_MS = 1_000;
const RETRY_SPREAD_MS = 5_000;

/** Serves the merged stream. Writes to the response itself: Nest's `@Sse` encodes every event anew for every viewer. */
@ApiTags('telemetry')
@Controller('v1/heartbeats')
export class FleetStreamController implements OnModuleInit, OnModuleDestroy {
  private readonly viewers = new Set<Viewer>();
  private watch: Subscription | undefined;

  constructor(
    @Inject(Clock) private readonly clock: Clock,
    private readonly feed: FleetFeed,
    private readonly pulse: Pulse,
  ) {}

  onModuleInit(): void {
    this.watch = this.pulse.beats$.subscribe(() => {
      for (const viewer of this.viewers) viewer.beat();
    });
  }

  onModuleDestroy(): void {
    this.watch?.unsubscribe();
  }

  @Get('stream')
  @ApiOperation({ summary: 'Everything that happens in the fleet: `snapshot` first, then events as they come' })
  @ApiQuery({ name: 'hive', required: false, description: 'only these hives', example: 'gpu-a,gpu-b' })
  @ApiQuery({ name: 'type', required: false, description: 'only these types', example: 'hive_telemetry,queen' })
  @ApiQuery({ name: 'throttle_ms', required: false, description: 'at most one telemetry per hive in this time' })
  @ApiProduces('text/event-stream')
  @ApiOkResponse({ description: 'server-sent events: snapshot, heartbeat, hive_state, lag, closing' })
  @ApiErrors('REQUEST_INVALID')
  stream(@Query() query: FleetFilterQuery, @Req() request: Request, @Res() response: Response): void {
    const filter = parseFleetFilter(query);
    response.writeHead(200, SSE_HEADERS);
    if (request.method === 'HEAD') {
      response.end();
      return;
    }
    response.write(encodeSseRetry(RETRY_MIN_MS + Math.random() * RETRY_SPREAD_MS));
    const viewer = new Viewer(response, {
      throttleMs: filter.throttleMs,
      nowMs: () => this.clock.monotonicMs(),
      encode: (event) => this.feed.encode(event),
    });
    this.viewers.add(viewer);
    const events = this.feed.open(filter).subscribe({
      next: (frame) => viewer.take(frame),
      complete: () => response.end(),
    });
    response.on('close', () => {
      this.viewers.delete(viewer);
      events.unsubscribe();
    });
  }
}
