import { eventually } from '#testing';

import { FleetWatch } from '../harness/fleet-watch.js';
import { lasting } from '../harness/lasting.js';
import { connectionsTo, descriptorsOf, residentMbOf } from '../harness/process-facts.js';
import { QueenService, untilHealthy } from '../harness/service.js';
import { Stack } from '../harness/stack.js';
import { FakeResident, RealResident, type Resident } from './residents.js';

/** After any fault the fleet is whole again within this, in ms: the longest wait of either side, and a dial. */
export const CONVERGED_MS = 31_000;
/** Sockets that were given up may take a moment to go, in ms. */
const SETTLED_MS = 10_000;
const QUIET_MS = 3_200;
const DESCRIPTORS_SPARE = 12;
const MEMORY_SPARE_MB = 120;
/** Processes cost more than fake hives. */
const REAL_MAX = 4;

interface Footprint {
  readonly pid: number;
  readonly descriptors: number;
  readonly memoryMb: number;
}

/** A queen and three to ten hives to which things are done, and what must hold once they are over. */
export class Colony implements AsyncDisposable {
  private readonly stack = new Stack();
  private readonly footprints = new Map<string, Footprint>();
  readonly residents: Resident[] = [];

  private constructor(
    readonly queen: QueenService,
    readonly watch: FleetWatch,
  ) {}

  /** Whole and well. */
  static async start(count: number): Promise<Colony> {
    const queen = await QueenService.start();
    const colony = new Colony(queen, new FleetWatch(queen.url));
    try {
      for (let index = 0; index < count; index++) await colony.settle(index, count);
      await colony.converge();
      return colony;
    } catch (error) {
      await colony[Symbol.asyncDispose]();
      throw error;
    }
  }

  get ids(): readonly string[] {
    return this.residents.map(({ hiveId }) => hiveId);
  }

  get real(): readonly RealResident[] {
    return this.residents.filter((resident) => resident instanceof RealResident);
  }

  get fake(): readonly FakeResident[] {
    return this.residents.filter((resident) => resident instanceof FakeResident);
  }

  /** Ends every fault that still lasts; resolves to the moment at which the last one was over. */
  async heal(): Promise<number> {
    if (this.queen.running) this.queen.process.thaw();
    else await this.queen.start();
    await Promise.all(this.residents.map((resident) => resident.heal()));
    return performance.now();
  }

  /** Waits until every hive is healthy and sends; resolves to the time since `sinceMs`. */
  async converge(sinceMs = performance.now()): Promise<number> {
    await this.watch.allAfter(this.ids, sinceMs, CONVERGED_MS);
    await untilHealthy(this.queen.url, this.ids, CONVERGED_MS - (performance.now() - sinceMs));
    return performance.now() - sinceMs;
  }

  /** What must hold in a fleet to which nothing is being done; every breach as a sentence. */
  async breaches(): Promise<readonly string[]> {
    const crowded = await this.crowded();
    const [fromMs, duplicates] = [performance.now(), this.watch.duplicates];
    await lasting(QUIET_MS);
    const toMs = performance.now();
    const quiet = this.ids.flatMap((id) => this.unsteady(id, fromMs, toMs));
    const twice = this.watch.duplicates - duplicates;
    return [...crowded, ...quiet, ...(twice > 0 ? [`${twice} samples came twice`] : []), ...this.leaks()];
  }

  /** What its processes hold, for the record. */
  footprint(): string {
    return `queen ${descriptorsOf(this.queen.pid)} descriptors, ${residentMbOf(this.queen.pid).toFixed(0)} MiB`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.watch[Symbol.dispose]();
    await this.stack[Symbol.asyncDispose]();
    await this.queen[Symbol.asyncDispose]();
  }

  private async settle(index: number, count: number): Promise<void> {
    const isReal = index < Math.min(REAL_MAX, Math.ceil(count / 2));
    const resident = isReal
      ? await RealResident.start(`real-${index}`, this.queen.url, index % 2 === 0)
      : await FakeResident.start(`fake-${index}`, this.queen.url);
    this.residents.push(this.stack.use<Resident>(resident));
  }

  /** One subscription per hive: connections that are left over must go, and no second one may stay. */
  private async crowded(): Promise<readonly string[]> {
    const wrong = (): readonly string[] =>
      this.residents
        .map(({ hiveId, url }) => ({ hiveId, count: connectionsTo(this.queen.pid, url) }))
        .filter(({ count }) => count !== 1)
        .map(({ hiveId, count }) => `${count} connections to ${hiveId}`);
    return eventually('one connection per hive', () => wrong().length === 0 && [], SETTLED_MS).catch(wrong);
  }

  /** One event per interval: as many as there are intervals, give or take the edges, and none left out. */
  private unsteady(hiveId: string, fromMs: number, toMs: number): readonly string[] {
    const count = this.watch.of(hiveId).filter(({ atMs }) => atMs >= fromMs && atMs <= toMs).length;
    const gaps = this.watch.gapsBetween(hiveId, fromMs, toMs);
    const wrongCount = count < 2 || count > 5 ? [`${count} samples of ${hiveId} in ${QUIET_MS} ms`] : [];
    return gaps > 0 ? [...wrongCount, `${gaps} samples of ${hiveId} missed`] : wrongCount;
  }

  /** Each process against itself, as it was when it was first seen. */
  private leaks(): readonly string[] {
    const processes = [this.queen, ...this.real.map(({ hive }) => hive)];
    return processes.flatMap((service, index) => {
      const name = index === 0 ? 'queen' : (this.real[index - 1]?.hiveId ?? '');
      const { pid } = service;
      const now = { pid, descriptors: descriptorsOf(pid), memoryMb: residentMbOf(pid) };
      const first = this.footprints.get(name);
      if (first?.pid !== pid) this.footprints.set(name, now);
      if (first?.pid !== pid) return [];
      const [descriptors, memoryMb] = [now.descriptors - first.descriptors, now.memoryMb - first.memoryMb];
      return [
        ...(descriptors > DESCRIPTORS_SPARE ? [`${name} holds ${descriptors} descriptors more than at first`] : []),
        ...(memoryMb > MEMORY_SPARE_MB ? [`${name} holds ${memoryMb.toFixed(0)} MiB more than at first`] : []),
      ];
    });
  }
}
