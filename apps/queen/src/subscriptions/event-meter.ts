const LINE_FEED = 10;
const CARRIAGE_RETURN = 13;
const BLANK_LINE = '\n\n';

/** Watches that no event of a stream grows beyond a limit: counts the bytes since the last blank line. */
export class EventMeter {
  private pending = 0;
  private atLineStart = true;

  constructor(readonly bytesMax: number) {}

  /** Takes a chunk; `true` where an event in or across it is too large. */
  isExceededBy(chunk: Buffer): boolean {
    return (chunk.includes(CARRIAGE_RETURN) ? this.countBytes(chunk) : this.countEvents(chunk)) > this.bytesMax;
  }

  /** The size of the largest event in or across a chunk whose lines end in LF alone, found at the speed of a search. */
  private countEvents(chunk: Buffer): number {
    let largest = 0;
    let start = 0;
    if (this.atLineStart && chunk[0] === LINE_FEED) {
      largest = this.pending;
      this.pending = 0;
      start = 1;
    }
    for (let end = chunk.indexOf(BLANK_LINE, start); end !== -1; end = chunk.indexOf(BLANK_LINE, start)) {
      largest = Math.max(largest, this.pending + end - start);
      this.pending = 0;
      start = end + BLANK_LINE.length;
    }
    this.pending += chunk.length - start;
    this.atLineStart = chunk[chunk.length - 1] === LINE_FEED;
    return Math.max(largest, this.pending);
  }

  /** Likewise where lines may end in CR LF. */
  private countBytes(chunk: Buffer): number {
    let largest = 0;
    for (const byte of chunk) {
      if (byte === CARRIAGE_RETURN) continue;
      this.pending += 1;
      if (byte === LINE_FEED && this.atLineStart) {
        largest = Math.max(largest, this.pending);
        this.pending = 0;
      }
      this.atLineStart = byte === LINE_FEED;
    }
    return Math.max(largest, this.pending);
  }
}
