import type { EngineCounter } from './fdinfo.js';

type Counters = ReadonlyMap<string, EngineCounter>;
/** By engine, 0..100 of the time since the reading before. */
export type EngineShares = ReadonlyMap<string, number>;

const NS_PER_MS = 1e6;

/** Turns the engine counters of one client into shares of the time between two readings. */
export class EngineUse {
  private last: { readonly counters: Counters; readonly atMs: number } | undefined;

  /** `null` at the first reading; empty where the driver does not count. */
  shares(counters: Counters, atMs: number): EngineShares | null {
    const { last } = this;
    const seen = last === undefined ? counters : neverLess(last.counters, counters);
    this.last = { counters: seen, atMs };
    if (last === undefined || atMs <= last.atMs) return null;
    const shares = new Map<string, number>();
    for (const [name, now] of seen) {
      const before = last.counters.get(name);
      if (before !== undefined) shares.set(name, sharePct(before, now, (atMs - last.atMs) * NS_PER_MS));
    }
    return shares;
  }
}

/** A driver may report less for a while and catches up: until then what it said before holds. */
function neverLess(before: Counters, now: Counters): Counters {
  return new Map(
    [...now].map(([name, counter]) => {
      const known = before.get(name);
      return [name, known !== undefined && counter.busy < known.busy ? { ...counter, busy: known.busy } : counter];
    }),
  );
}

function sharePct(before: EngineCounter, now: EngineCounter, elapsedNs: number): number {
  const passed = now.total === null || before.total === null ? elapsedNs : now.total - before.total;
  return passed <= 0 ? 0 : Math.min(100, (100 * (now.busy - before.busy)) / (passed * now.capacity));
}

/** The busiest engine over all of these clients, 0..100; 0 without any. */
export function busiestPct(clients: readonly EngineShares[]): number {
  const sums = new Map<string, number>();
  for (const [name, share] of clients.flatMap((shares) => [...shares])) sums.set(name, (sums.get(name) ?? 0) + share);
  return Math.min(100, Math.max(0, ...sums.values()));
}
