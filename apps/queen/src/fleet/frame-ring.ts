import type { FleetFrame } from './fleet-frame.js';

/** What a viewer that comes back may have missed at most. */
export interface RingBounds {
  readonly ageMs: number;
  readonly bytes: number;
}

interface Kept {
  readonly frame: FleetFrame;
  readonly atMs: number;
}

/** The latest frames, for viewers that come back. Bounded in time and in bytes, whichever is reached first. */
export class FrameRing {
  private kept: Kept[] = [];
  /** Where the ring begins in `kept`; what is before it is cut off now and then. */
  private start = 0;
  private bytes = 0;

  constructor(private readonly bounds: RingBounds) {}

  push(frame: FleetFrame, nowMs: number): void {
    this.kept.push({ frame, atMs: nowMs });
    this.bytes += frame.bytes.length;
    for (let oldest = this.oldest; oldest !== undefined; oldest = this.oldest) {
      if (this.bytes <= this.bounds.bytes && nowMs - oldest.atMs <= this.bounds.ageMs) break;
      this.bytes -= oldest.frame.bytes.length;
      this.start += 1;
    }
    if (this.start > this.kept.length / 2) {
      this.kept = this.kept.slice(this.start);
      this.start = 0;
    }
  }

  /** The frames after this one, oldest first; `undefined` where some are gone, or it has not been sent yet. */
  since(seq: number): readonly FleetFrame[] | undefined {
    const oldest = this.oldest;
    const latest = this.kept.at(-1);
    if (oldest === undefined || latest === undefined || seq > latest.frame.seq) return undefined;
    const missed = seq + 1 - oldest.frame.seq;
    return missed < 0 ? undefined : this.kept.slice(this.start + missed).map(({ frame }) => frame);
  }

  private get oldest(): Kept | undefined {
    return this.kept[this.start];
  }
}
