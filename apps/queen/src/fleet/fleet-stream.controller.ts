import { Controller, Get, Query, Req, Res } from '@nestjs/common';
import type { Request, Response } from 'express';

import {
  ApiErrors,
  ApiOkResponse,
  ApiOperation,
  ApiProduces,
  ApiQuery,
  ApiTags,
  encodeSseRetry,
  SSE_HEADERS,
} from '#service-kit';

import { FanOut } from './fan-out.js';
import { type FleetFilterQuery, parseFleetFilter } from './fleet-filter.js';

/** A viewer whose queen went away comes back at a random moment of this time, in ms: a thousand don't come at once. */
const RETRY_MIN_MS = 1_000;
const RETRY_SPREAD_MS = 5_000;

/** Serves the merged stream. Writes to the response itself: Nest's `@Sse` encodes every event anew for every viewer. */
@ApiTags('telemetry')
@Controller('v1/heartbeats')
export class FleetStreamController {
  constructor(private readonly fanOut: FanOut) {}

  @Get('stream')
  @ApiOperation({ summary: 'Everything that happens in the fleet: `snapshot` first, then events as they come' })
  @ApiQuery({ name: 'hive', required: false, description: 'only these hives', example: 'gpu-a,gpu-b' })
  @ApiQuery({ name: 'type', required: false, description: 'only these types', example: 'hive_telemetry,queen' })
  @ApiQuery({ name: 'throttle_ms', required: false, description: 'at most one telemetry per hive in this time' })
  @ApiQuery({ name: 'fields', required: false, description: 'only these of a telemetry', example: 'gpus,workers' })
  @ApiProduces('text/event-stream')
  @ApiOkResponse({ description: 'server-sent events: snapshot, heartbeat, hive_state, lag, closing' })
  @ApiErrors('REQUEST_INVALID', 'VIEWERS_FULL')
  stream(@Query() query: FleetFilterQuery, @Req() request: Request, @Res() response: Response): void {
    const filter = parseFleetFilter(query);
    this.fanOut.checkRoom();
    response.writeHead(200, SSE_HEADERS);
    if (request.method === 'HEAD') {
      response.end();
      return;
    }
    response.write(encodeSseRetry(RETRY_MIN_MS + Math.random() * RETRY_SPREAD_MS));
    this.fanOut.serve(response, filter, request.get('Last-Event-ID'));
  }
}
