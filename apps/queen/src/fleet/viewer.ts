import type { Response } from 'express';

import type { FleetEvent } from '#contracts';
import { SSE_KEEP_ALIVE } from '#service-kit';

import type { FleetFrame } from './fleet-feed.js';

/** Silence after which a comment keeps the connection warm, in ms; looked at four times a second. */
const KEEP_ALIVE_MS = 9_500;
/** A viewer that takes nothing for this long is dropped, in ms. */
const STUCK_MS = 30_000;

/** What a viewer needs of the feed to say that events were merged away. */
export interface ViewerOptions {
  readonly throttleMs: number;
  readonly nowMs: () => number;
  readonly encode: (event: FleetEvent) => FleetFrame;
}

/**
 * One reader of the merged stream. While its connection is full or its throttle holds, only the latest event of each
 * hive is kept: it gets fewer, newer events, costs bounded memory, and slows nobody else down.
 */
export class Viewer {
  private readonly pending = new Map<string, FleetFrame>();
  private dropped = 0;
  private wroteMs: number;
  private flushedMs = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly response: Response,
    private readonly options: ViewerOptions,
  ) {
    this.wroteMs = options.nowMs();
    response.on('drain', () => this.flush());
  }

  /** Takes an event: writes it now, or keeps it for when it may be written. */
  take(frame: FleetFrame): void {
    if (!this.response.writableNeedDrain && !this.isThrottled(frame.event)) {
      this.write(frame.bytes);
      return;
    }
    const key = keyOf(frame.event);
    if (this.pending.delete(key) && this.response.writableNeedDrain) this.dropped += 1;
    this.pending.set(key, frame);
  }

  /** Does what is due: the throttled events, the keep-alive, the end of a viewer that is stuck. */
  beat(): void {
    const nowMs = this.options.nowMs();
    if (this.response.writableNeedDrain) {
      if (nowMs - this.wroteMs > STUCK_MS) this.response.destroy();
      return;
    }
    if (this.pending.size > 0 && nowMs - this.flushedMs >= this.options.throttleMs) this.flush();
    if (nowMs - this.wroteMs >= KEEP_ALIVE_MS) this.write(SSE_KEEP_ALIVE);
  }

  private flush(): void {
    this.flushedMs = this.options.nowMs();
    if (this.dropped > 0) {
      const { dropped } = this;
      this.dropped = 0;
      this.write(this.options.encode({ type: 'lag', dropped }).bytes);
    }
    for (const [key, frame] of this.pending) {
      if (this.response.writableNeedDrain) return;
      this.pending.delete(key);
      this.write(frame.bytes);
    }
  }

  private isThrottled({ type }: FleetEvent): boolean {
    return this.options.throttleMs > 0 && type === 'hive_telemetry';
  }

  private write(bytes: Buffer | string): void {
    this.wroteMs = this.options.nowMs();
    this.response.write(bytes);
  }
}

/** Events of one key replace each other; the newer one stands at the end, so that the order within a hive holds. */
function keyOf(event: FleetEvent): string {
  return 'hive_id' in event ? `${event.type} ${event.hive_id}` : event.type;
}
