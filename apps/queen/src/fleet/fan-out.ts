import { Inject, Injectable, Logger, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import type { Response } from 'express';
import { Subscription } from 'rxjs';

import { ApiaryError, type HiveTelemetryEvent, type LagEvent } from '#contracts';
import { Clock, Pulse } from '#service-kit';

import { QUEEN_CONFIG, type QueenConfig } from '../config/queen-config.js';
import { FleetFeed } from './fleet-feed.js';
import { type FleetFilter, trimmed } from './fleet-filter.js';
import { encodeFleet, type FleetFrame, jsonOf } from './fleet-frame.js';
import { FrameRing } from './frame-ring.js';
import { Viewer } from './viewer.js';
import { type GroupSource, ViewerGroup } from './viewer-group.js';
import { openFilesMax, type ViewerRoom, viewerRoom } from './viewer-room.js';

/** What a viewer that comes back is given: a minute, or as much as this holds. */
const RING = { ageMs: 60_000, bytes: 64 * 1024 * 1024 };

/**
 * Brings the merged stream to all viewers. They are served in ticks, with one write each: a write costs the same for
 * one event as for a hundred, and costs more than all the rest. A lone event does not wait for a tick.
 */
@Injectable()
export class FanOut implements OnModuleInit, OnModuleDestroy, GroupSource {
  private readonly groups = new Map<string, ViewerGroup>();
  /** The latest telemetry of each hive: a snapshot is put together from the texts that were sent anyway. */
  private readonly latest = new Map<string, FleetFrame>();
  private readonly ring = new FrameRing(RING);
  private readonly watches = new Subscription();
  private readonly log = new Logger(FanOut.name);
  private readonly room: ViewerRoom;
  private viewers = 0;
  private flushedMs = Number.NEGATIVE_INFINITY;
  private nextFlush: Subscription | undefined;

  constructor(
    @Inject(Clock) private readonly clock: Clock,
    @Inject(QUEEN_CONFIG) private readonly config: QueenConfig,
    private readonly feed: FleetFeed,
    private readonly pulse: Pulse,
  ) {
    this.room = viewerRoom(config.maxViewers, openFilesMax());
  }

  onModuleInit(): void {
    if (this.room.shortage !== undefined) this.log.warn(this.room.shortage);
    this.watches.add(this.pulse.beats$.subscribe(() => this.beat()));
    this.watches.add(this.feed.frames$.subscribe({ next: (frame) => this.take(frame), complete: () => this.end() }));
  }

  onModuleDestroy(): void {
    // The stream itself ends with the feed, which says goodbye first.
    this.watches.add(() => this.nextFlush?.unsubscribe());
  }

  /** Throws `VIEWERS_FULL` where there are as many viewers as there may be; to be asked before a stream is begun. */
  checkRoom(): void {
    if (this.viewers < this.room.viewers) return;
    throw new ApiaryError('VIEWERS_FULL', `${this.viewers} viewers are served already`);
  }

  /** Serves one viewer until its connection closes. `lastEventId`: what it saw last on an earlier one. */
  serve(response: Response, filter: FleetFilter, lastEventId: string | undefined): void {
    const group = this.groups.get(filter.key) ?? new ViewerGroup(filter, this);
    this.groups.set(filter.key, group);
    const bounds = { bytes: this.config.viewerBacklogBytes, ms: this.config.viewerBacklogMs };
    const viewer = new Viewer(
      response,
      this.placeOf(lastEventId),
      bounds,
      () => this.clock.monotonicMs(),
      (drained) => group.catchUp(drained),
    );
    this.viewers += 1;
    group.join(viewer);
    response.on('close', () => {
      this.viewers -= 1;
      group.leave(viewer);
      if (group.size === 0) this.groups.delete(filter.key);
    });
    this.scheduleFlush();
  }

  snapshot({ hives, fields }: FleetFilter): Buffer {
    const { hives: views, ...head } = this.feed.snapshot(hives);
    const texts = views.map(({ telemetry, ...view }) => {
      const frame = fields === undefined ? this.latest.get(view.hive_id) : undefined;
      const json = frame === undefined ? telemetryJson(telemetry, fields) : jsonOf(frame).toString();
      return `${JSON.stringify(view).slice(0, -1)},"telemetry":${json}}`;
    });
    return this.feed.aside('snapshot', `${JSON.stringify(head).slice(0, -1)},"hives":[${texts.join(',')}]}`);
  }

  since(seq: number): readonly FleetFrame[] | undefined {
    return this.ring.since(seq);
  }

  shape(frame: FleetFrame, { fields }: FleetFilter): FleetFrame {
    if (fields === undefined || frame.type !== 'hive_telemetry') return frame;
    const event = JSON.parse(jsonOf(frame).toString()) as HiveTelemetryEvent;
    const json = JSON.stringify(trimmed(event, fields));
    return { ...frame, bytes: encodeFleet(frame.type, json, frame.seq, this.feed.epoch) };
  }

  reissue(frame: FleetFrame): FleetFrame {
    return this.feed.reissue(frame);
  }

  lag(dropped: number): Buffer {
    const event: LagEvent = { type: 'lag', dropped };
    return this.feed.aside('lag', JSON.stringify(event));
  }

  private take(frame: FleetFrame): void {
    this.ring.push(frame, this.clock.monotonicMs());
    this.keepLatest(frame);
    if (this.viewers === 0) return;
    for (const group of this.groups.values()) group.take(frame);
    this.scheduleFlush();
  }

  private keepLatest(frame: FleetFrame): void {
    if (frame.hiveId === undefined) return;
    if (frame.type === 'hive_telemetry') this.latest.set(frame.hiveId, frame);
    else if (this.feed.hasForgotten(frame.hiveId)) this.latest.delete(frame.hiveId);
  }

  private scheduleFlush(): void {
    if (this.nextFlush !== undefined) return;
    const waitMs = Math.max(0, this.flushedMs + this.config.tickMs - this.clock.monotonicMs());
    this.nextFlush = this.clock.scheduler.schedule(() => this.flush(), waitMs);
  }

  private flush(): void {
    this.nextFlush?.unsubscribe();
    this.nextFlush = undefined;
    const nowMs = this.clock.monotonicMs();
    this.flushedMs = nowMs;
    for (const group of this.groups.values()) group.flush(nowMs);
  }

  private beat(): void {
    const nowMs = this.clock.monotonicMs();
    let isAnyDue = false;
    for (const group of this.groups.values()) {
      group.beat();
      isAnyDue ||= group.isDue(nowMs);
    }
    if (isAnyDue) this.scheduleFlush();
  }

  private end(): void {
    this.flush();
    for (const group of this.groups.values()) group.end();
    this.watches.unsubscribe();
  }

  /** `undefined` where the id is of another queen, or none of ours. */
  private placeOf(lastEventId: string | undefined): number | undefined {
    const [epoch, seq = '', ...rest] = lastEventId?.split(':') ?? [];
    return epoch === this.feed.epoch && rest.length === 0 && /^\d{1,15}$/.test(seq) ? Number(seq) : undefined;
  }
}

const telemetryJson = (telemetry: HiveTelemetryEvent | null, fields: FleetFilter['fields']): string =>
  JSON.stringify(telemetry && fields ? trimmed(telemetry, fields) : telemetry);
