import type { Response } from 'express';

import { SSE_KEEP_ALIVE } from '#service-kit';

/** How far behind a viewer may be before events are merged for it. */
export interface BacklogBounds {
  readonly bytes: number;
  readonly ms: number;
}

/** Silence after which a comment keeps the connection warm, in ms; looked at four times a second. */
const KEEP_ALIVE_MS = 9_500;
/** A viewer that takes nothing for this long is dropped, in ms. */
const STUCK_MS = 30_000;
/** A snapshot is written in pieces, so that one viewer's takes turns with what the others get, in bytes. */
const PIECE_BYTES = 256 * 1024;

/**
 * One reader of the merged stream. It holds no events: while its connection takes what comes it gets the blocks that
 * its group shares; once it is behind, it only knows the last event that it got, and its group the latest of each hive.
 */
export class Viewer {
  /** The place, in what its group has sent, of the last frame that it got. */
  cursor = 0;
  /** Frames that its group has sent since then. */
  missed = 0;
  isBehind = false;
  /** What is left of its snapshot; the bytes are shared with whoever came in the same tick. */
  private rest: Buffer | undefined;
  private wroteMs: number;
  private fullSinceMs: number | undefined;

  /** `resumeAfter`: the last frame that it saw on an earlier connection. `onDrain` is called when it can take more. */
  constructor(
    private readonly response: Response,
    readonly resumeAfter: number | undefined,
    private readonly bounds: BacklogBounds,
    private readonly nowMs: () => number,
    onDrain: (viewer: Viewer) => void,
  ) {
    this.wroteMs = nowMs();
    response.on('drain', () => {
      this.fullSinceMs = undefined;
      onDrain(this);
    });
  }

  /** Whether its connection takes bytes without queueing them here. */
  get isReady(): boolean {
    return this.rest === undefined && !this.response.writableNeedDrain;
  }

  /** Starts it with the state as of this place; while that is on its way, the viewer is behind. */
  begin(bytes: Buffer, place: number): void {
    this.cursor = place;
    this.rest = bytes.length > 0 ? bytes : undefined;
    this.isBehind = this.rest !== undefined && bytes.length > PIECE_BYTES;
    this.continue();
  }

  /** Writes more of the snapshot, as far as the connection takes it. */
  continue(): void {
    while (this.rest !== undefined && !this.response.writableNeedDrain) {
      const piece = this.rest.subarray(0, PIECE_BYTES);
      this.rest = this.rest.length > PIECE_BYTES ? this.rest.subarray(PIECE_BYTES) : undefined;
      this.write(piece);
    }
  }

  /** Writes a block that ends at this place; `false` where that would exceed the backlog: then it is behind. */
  deliver(block: Buffer, place: number): boolean {
    if (this.isBehind) return false;
    const isLate = this.fullSinceMs !== undefined && this.nowMs() - this.fullSinceMs > this.bounds.ms;
    if (isLate || this.response.writableLength + block.length > this.bounds.bytes) {
      this.isBehind = true;
      return false;
    }
    this.cursor = place;
    this.write(block);
    return true;
  }

  /** Writes what it alone gets. */
  write(bytes: Buffer | string): void {
    const nowMs = this.nowMs();
    this.wroteMs = nowMs;
    if (!this.response.write(bytes)) this.fullSinceMs ??= nowMs;
  }

  /** Keeps a quiet connection warm and drops one that is stuck. */
  beat(): void {
    const nowMs = this.nowMs();
    if (this.fullSinceMs !== undefined) {
      if (nowMs - this.fullSinceMs > STUCK_MS) this.response.destroy();
    } else if (nowMs - this.wroteMs >= KEEP_ALIVE_MS) {
      this.write(SSE_KEEP_ALIVE);
    }
  }

  end(): void {
    this.response.end();
  }
}
