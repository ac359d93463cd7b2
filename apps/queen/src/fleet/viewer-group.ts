import { blockOf, type FleetFrame, keyOf, latestOf } from './fleet-frame.js';
import { type FleetFilter, passes } from './fleet-filter.js';
import type { Viewer } from './viewer.js';

/** What a group needs of the feed; each is asked for at most once a tick, whatever the number of viewers. */
export interface GroupSource {
  /** Every wanted hive's latest state, as an event of the stream. */
  snapshot(filter: FleetFilter): Buffer;
  /** The frames after this one; `undefined` where they are not kept any more. */
  since(seq: number): readonly FleetFrame[] | undefined;
  /** The frame as this filter wants it. */
  shape(frame: FleetFrame, filter: FleetFilter): FleetFrame;
  /** The frame as if it had been published last: the ids of a stream never go back. */
  reissue(frame: FleetFrame): FleetFrame;
  /** An event that says how many were merged away. */
  lag(dropped: number): Buffer;
}

/** A frame and its place in what this group has sent. */
interface Placed {
  readonly frame: FleetFrame;
  readonly place: number;
}

/** A late viewer is given its events in blocks of about this size, in bytes. */
const CATCH_UP_BYTES = 256 * 1024;

/** All viewers with equal filters: they share every byte but their snapshots. */
export class ViewerGroup {
  private readonly viewers = new Set<Viewer>();
  private joining: Viewer[] = [];
  private pending: FleetFrame[] = [];
  /** Telemetry that the throttle holds back, the latest of each hive. */
  private readonly held = new Map<string, FleetFrame>();
  private releasedMs = Number.NEGATIVE_INFINITY;
  private behind = 0;
  /** The latest frame of each key since the first viewer fell behind; empty while none is. */
  private readonly latest = new Map<string, Placed>();
  /** Frames that were sent so far. */
  private place = 0;

  constructor(
    private readonly filter: FleetFilter,
    private readonly source: GroupSource,
  ) {}

  get size(): number {
    return this.viewers.size + this.joining.length;
  }

  /** It gets its first bytes with the next flush. */
  join(viewer: Viewer): void {
    this.joining.push(viewer);
  }

  leave(viewer: Viewer): void {
    this.joining = this.joining.filter((each) => each !== viewer);
    if (this.viewers.delete(viewer) && viewer.isBehind) this.countBehind(-1);
  }

  /** Takes a frame if this filter wants it. */
  take(frame: FleetFrame): void {
    if (!passes(this.filter, frame)) return;
    if (this.filter.throttleMs > 0 && frame.type === 'hive_telemetry') this.held.set(keyOf(frame), frame);
    else this.pending.push(this.source.shape(frame, this.filter));
  }

  /** Gives every viewer what came since the last flush, in one write each, and lets those in that wait. */
  flush(nowMs: number): void {
    this.release(nowMs);
    const frames = this.pending;
    this.pending = [];
    if (frames.length > 0) this.fanOut(frames);
    if (this.joining.length > 0) this.admit();
  }

  /** Whether the throttle's time has come. */
  isDue(nowMs: number): boolean {
    return this.held.size > 0 && nowMs - this.releasedMs >= this.filter.throttleMs;
  }

  /** Does for all viewers what is due by time. */
  beat(): void {
    for (const viewer of this.viewers) viewer.beat();
  }

  end(): void {
    for (const viewer of [...this.viewers, ...this.joining]) viewer.end();
  }

  /** A viewer can take more: it gets the rest of its snapshot, then the latest of what it missed. */
  catchUp(viewer: Viewer): void {
    viewer.continue();
    if (!viewer.isBehind || !viewer.isReady || !this.viewers.has(viewer)) return;
    const waiting = [...this.latest.values()].filter(({ place }) => place > viewer.cursor);
    const dropped = viewer.missed - waiting.length;
    viewer.missed = waiting.length;
    if (dropped > 0) viewer.write(this.source.lag(dropped));
    if (!this.sendWaiting(viewer, waiting)) return;
    viewer.isBehind = false;
    this.countBehind(-1);
  }

  /** Whether all of it went out. */
  private sendWaiting(viewer: Viewer, waiting: readonly Placed[]): boolean {
    let next = 0;
    while (next < waiting.length) {
      if (!viewer.isReady) return false;
      const block = takeBlock(waiting, next);
      viewer.write(blockOf(block.map(({ frame }) => frame)));
      viewer.cursor = block.at(-1)?.place ?? viewer.cursor;
      viewer.missed -= block.length;
      next += block.length;
    }
    return true;
  }

  private fanOut(frames: readonly FleetFrame[]): void {
    const before = this.place;
    this.place += frames.length;
    const block = blockOf(frames);
    for (const viewer of this.viewers) {
      const wasBehind = viewer.isBehind;
      if (viewer.deliver(block, this.place)) continue;
      viewer.missed += frames.length;
      if (!wasBehind) this.countBehind(1);
    }
    if (this.behind > 0) frames.forEach((frame, index) => this.keep({ frame, place: before + index + 1 }));
  }

  /** The newer one stands at the end, so that the order within a hive holds. */
  private keep(placed: Placed): void {
    const key = keyOf(placed.frame);
    this.latest.delete(key);
    this.latest.set(key, placed);
  }

  private admit(): void {
    let snapshot: Buffer | undefined;
    for (const viewer of this.joining) {
      const missed = viewer.resumeAfter === undefined ? undefined : this.source.since(viewer.resumeAfter);
      this.viewers.add(viewer);
      viewer.begin(
        missed === undefined ? (snapshot ??= this.source.snapshot(this.filter)) : this.replay(missed),
        this.place,
      );
      if (viewer.isBehind) this.countBehind(1);
      this.catchUp(viewer);
    }
    this.joining = [];
  }

  private replay(missed: readonly FleetFrame[]): Buffer {
    const wanted = missed.filter((frame) => passes(this.filter, frame));
    const kept = this.filter.throttleMs > 0 ? latestOf(wanted) : wanted;
    return blockOf(kept.map((frame) => this.source.shape(frame, this.filter)));
  }

  private release(nowMs: number): void {
    if (!this.isDue(nowMs)) return;
    for (const frame of this.held.values()) {
      this.pending.push(this.source.shape(this.source.reissue(frame), this.filter));
    }
    this.held.clear();
    this.releasedMs = nowMs;
  }

  private countBehind(change: 1 | -1): void {
    this.behind += change;
    if (this.behind === 0) this.latest.clear();
  }
}

function takeBlock(waiting: readonly Placed[], from: number): readonly Placed[] {
  let bytes = 0;
  let end = from;
  while (end < waiting.length && bytes < CATCH_UP_BYTES) bytes += waiting[end++]?.frame.bytes.length ?? 0;
  return waiting.slice(from, end);
}
