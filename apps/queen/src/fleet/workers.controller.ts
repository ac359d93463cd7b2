import { Controller, Get, Query } from '@nestjs/common';

import { ApiaryError, type FleetWorker } from '#contracts';
import { ApiErrors, ApiOkResponse, ApiOperation, ApiQuery, ApiTags } from '#service-kit';

import { idlestWorker, matchingWorkers, type WorkerQuery } from '../registry/fleet-workers.js';
import { TelemetryRegistry } from '../registry/telemetry-registry.js';

type RawQuery = Readonly<Record<string, unknown>>;

/** Answers a scheduler: which worker could take the next request. */
@ApiTags('workers')
@Controller('v1/workers')
export class WorkersController {
  constructor(private readonly registry: TelemetryRegistry) {}

  @Get()
  @ApiOperation({ summary: 'The workers of all hives that are online' })
  @ApiQuery({ name: 'model', required: false, description: 'whole name, or what follows its last slash' })
  @ApiQuery({ name: 'hive', required: false })
  @ApiQuery({ name: 'idle', required: false, enum: ['true', 'false'] })
  @ApiQuery({ name: 'min_free_vram_mb', required: false })
  @ApiOkResponse({ description: '`{workers: […]}`' })
  @ApiErrors('REQUEST_INVALID')
  workers(@Query() query: RawQuery): { workers: readonly FleetWorker[] } {
    return { workers: matchingWorkers(this.registry.workers(), parseWorkerQuery(query)) };
  }

  @Get('best')
  @ApiOperation({ summary: 'The idlest worker that holds the model' })
  @ApiQuery({ name: 'model', required: true })
  @ApiOkResponse({ description: 'an item of `GET /v1/workers`' })
  @ApiErrors('REQUEST_INVALID', 'NOT_FOUND')
  best(@Query() query: RawQuery): FleetWorker {
    const wanted = parseWorkerQuery(query);
    if (wanted.model === undefined) throw invalid('model', 'is missing');
    const best = idlestWorker(matchingWorkers(this.registry.workers(), wanted));
    if (best === undefined) throw new ApiaryError('NOT_FOUND', `no worker can serve ${JSON.stringify(wanted.model)}`);
    return best;
  }
}

function parseWorkerQuery({ model, hive, idle, min_free_vram_mb: minFree }: RawQuery): WorkerQuery {
  if (idle !== undefined && idle !== 'true' && idle !== 'false') throw invalid('idle', 'must be true or false');
  return {
    ...(model !== undefined && { model: textOf(model, 'model') }),
    ...(hive !== undefined && { hive: textOf(hive, 'hive') }),
    ...(minFree !== undefined && { minFreeVramMb: numberOf(minFree, 'min_free_vram_mb') }),
    idle: idle === 'true',
  };
}

function textOf(value: unknown, name: string): string {
  if (typeof value === 'string' && value !== '') return value;
  throw invalid(name, 'must be given once and not be empty');
}

function numberOf(value: unknown, name: string): number {
  if (typeof value === 'string' && /^\d+(\.\d+)?$/.test(value)) return Number(value);
  throw invalid(name, 'must be a number, 0 or more');
}

const invalid = (name: string, fault: string): ApiaryError =>
  new ApiaryError('REQUEST_INVALID', `${name} ${fault}`, { [name]: fault });
