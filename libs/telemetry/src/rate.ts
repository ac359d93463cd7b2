/** Bytes in a MiB. */
export const MIB = 1024 * 1024;

/** Rounds to so many decimals, so that an event carries no digits that mean nothing. */
export function round(value: number, decimals: number): number {
  const scale = 10 ** decimals;
  return Math.round(value * scale) / scale;
}

/** Turns counters that only grow into the rate of their sum. */
export class CounterRate {
  private last: { readonly counters: ReadonlyMap<string, number>; readonly atMs: number } | undefined;

  /**
   * Units per second since the call before. `null` at first, while the counters are unknown, and for one call after
   * a counter went back (a reset, a wrap). Only counters that both calls know are compared: one that appears or goes
   * must not look like a burst.
   */
  perSecond(counters: ReadonlyMap<string, number> | null, atMs: number): number | null {
    const { last } = this;
    this.last = counters === null ? undefined : { counters, atMs };
    if (counters === null || last === undefined || atMs <= last.atMs) return null;
    const growth = growthOf(last.counters, counters);
    return growth === null ? null : (growth * 1000) / (atMs - last.atMs);
  }

  /** As `perSecond` for counters of bytes, in MiB. */
  mibPerSecond(bytes: ReadonlyMap<string, number> | null, atMs: number): number | null {
    const rate = this.perSecond(bytes, atMs);
    return rate === null ? null : round(rate / MIB, 3);
  }
}

function growthOf(before: ReadonlyMap<string, number>, now: ReadonlyMap<string, number>): number | null {
  let growth: number | null = null;
  for (const [name, value] of now) {
    const start = before.get(name);
    if (start === undefined) continue;
    if (value < start) return null;
    growth = (growth ?? 0) + value - start;
  }
  return growth;
}
