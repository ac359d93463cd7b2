import { Controller, Get, Headers, Inject, type MessageEvent, Req, Sse } from '@nestjs/common';
import type { Request } from 'express';
import { concat, defer, map, merge, NEVER, type Observable, of, takeUntil } from 'rxjs';

import { ApiaryError, type ClosingEvent, hiveIdFault, type TelemetryEvent } from '#contracts';
import {
  ApiErrors,
  ApiHeader,
  ApiOkResponse,
  ApiOperation,
  ApiProduces,
  ApiTags,
  Clock,
  ShutdownGate,
} from '#service-kit';

import { lostAddress } from '../readers/lost-address.js';
import { QueenReaders } from '../readers/queen-readers.js';
import { HiveSampler } from '../sampling/hive-sampler.js';

/** A client that reads nothing is dropped at this many pending characters: telemetry is latest-wins. */
const PENDING_CHARACTERS_MAX = 256 * 1024;

/** Serves the samples, each encoded once for any number of clients. */
@ApiTags('telemetry')
@Controller('v1/heartbeats')
export class HeartbeatStreamController {
  private encoded: { readonly event: TelemetryEvent; readonly message: MessageEvent } | undefined;

  constructor(
    private readonly sampler: HiveSampler,
    private readonly readers: QueenReaders,
    private readonly gate: ShutdownGate,
    @Inject(Clock) private readonly clock: Clock,
  ) {}

  @Sse('stream', { maxPendingDataLength: PENDING_CHARACTERS_MAX })
  @ApiOperation({ summary: 'The telemetry of this machine, one event per interval, the first at once' })
  @ApiHeader({ name: 'X-Apiary-Queen', required: false, description: 'the id of the queen that reads' })
  @ApiProduces('text/event-stream')
  @ApiOkResponse({ description: '`event: heartbeat` with a `telemetry` event; `event: closing` at the end' })
  stream(@Req() request: Request, @Headers('x-apiary-queen') queenId?: string): Observable<MessageEvent> {
    const replaced = isQueenId(queenId) ? this.superseded(queenId, request.socket.localAddress) : NEVER;
    const farewell$ = merge(
      this.gate.closing$.pipe(map(() => 'shutdown' as const)),
      replaced.pipe(map(() => 'replaced' as const)),
    );
    let reason: ClosingEvent['reason'] = 'shutdown';
    const samples$ = this.sampler.telemetry$.pipe(map((event) => this.encode(event)));
    return concat(
      samples$.pipe(takeUntil(farewell$.pipe(map((why) => (reason = why))))),
      defer(() => of(this.farewell(reason))),
    );
  }

  @Get()
  @ApiOperation({ summary: 'The latest sample' })
  @ApiOkResponse({ description: 'a `telemetry` event' })
  @ApiErrors('NOT_READY')
  latest(): TelemetryEvent {
    if (this.sampler.latest === undefined) throw new ApiaryError('NOT_READY', 'no sample has been taken yet');
    return this.sampler.latest;
  }

  /** Fires when the stream of a queen is of no use any more: the queen has another one, or nothing reaches it. */
  private superseded(queenId: string, localAddress: string | undefined): Observable<void> {
    return merge(this.readers.track(queenId), lostAddress(localAddress, this.clock.scheduler));
  }

  private encode(event: TelemetryEvent): MessageEvent {
    if (this.encoded?.event !== event) {
      const id = `${event.hive_info.boot_id}:${event.seq}`;
      this.encoded = { event, message: { id, type: 'heartbeat', data: JSON.stringify(event) } };
    }
    return this.encoded.message;
  }

  private farewell(reason: ClosingEvent['reason']): MessageEvent {
    const closing: ClosingEvent = { type: 'closing', reason };
    // The id of the last sample: Nest would put a number of its own, which means nothing to a client.
    return { id: this.encoded?.message.id ?? '0', type: 'closing', data: JSON.stringify(closing) };
  }
}

/** A queen's id obeys the rule of a hive's. */
const isQueenId = (value: string | undefined): value is string => hiveIdFault(value) === undefined;
