/** What counters grew by, and over how long. */
export interface Growth<K> {
  /** Of every counter that is known now; one that was not there before began at 0. */
  readonly by: ReadonlyMap<K, number>;
  readonly overMs: number;
}

interface Mark<K> {
  readonly counters: ReadonlyMap<K, number>;
  readonly atMs: number;
}

/** Most earlier readings that are kept for a span. */
const MARKS_MAX = 12;

/** The growth of an engine's counters over a sliding span of time. */
export class GrowthWindow<K> {
  private readonly marks: Mark<K>[] = [];
  private latest: Mark<K> | undefined;

  /** A span of 0 compares with the reading before. */
  constructor(private readonly spanMs: number) {}

  /**
   * The growth since the reading that is `spanMs` old, or the oldest since then. `null` for the first reading, where
   * the counters are unknown, after a counter went back (a reset) and where none were read for longer than the span.
   */
  take(counters: ReadonlyMap<K, number> | null, atMs: number): Growth<K> | null {
    const { latest, marks, spanMs } = this;
    const now = counters === null ? undefined : { counters, atMs };
    this.latest = now;
    const broken = now === undefined || latest === undefined || wentBack(latest.counters, now.counters);
    if (broken || (spanMs > 0 && atMs - latest.atMs > spanMs)) marks.length = 0;
    while (marks[1] !== undefined && marks[1].atMs <= atMs - spanMs) marks.shift();
    const [from] = marks;
    const last = marks.at(-1);
    if (now !== undefined && (last === undefined || atMs - last.atMs >= spanMs / MARKS_MAX)) marks.push(now);
    if (now === undefined || from === undefined || from.atMs >= atMs) return null;
    return { by: growth(from.counters, now.counters), overMs: atMs - from.atMs };
  }
}

function wentBack<K>(before: ReadonlyMap<K, number>, now: ReadonlyMap<K, number>): boolean {
  for (const [key, value] of before) if ((now.get(key) ?? 0) < value) return true;
  return false;
}

function growth<K>(before: ReadonlyMap<K, number>, now: ReadonlyMap<K, number>): ReadonlyMap<K, number> {
  return new Map([...now].map(([key, value]) => [key, value - (before.get(key) ?? 0)]));
}
