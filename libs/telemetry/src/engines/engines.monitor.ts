import { limits } from '#contracts';
import type { Clock } from '#service-kit';

import type { Contribution, Monitor } from '../monitor.js';
import type { InferenceServer, Sightings } from '../sightings.js';
import { dialectOf } from './dialects.js';
import { EngineWatch, KEEP_MS } from './engine-watch.js';

/** How long a sample waits for answers, in ms and as a share of the interval; what comes later is in the next one. */
const ANSWER_WAIT_MS = 100;
const ANSWER_WAIT_SHARE = 0.2;
/** Most servers that are asked at the same time. */
export const VISITS_AT_ONCE_MAX = 8;
/** How many of them may have failed last time: however many servers hang, the others find a way through. */
const FAILING_AT_ONCE_MAX = 4;
/**
 * Most servers that are asked in one second, as many as a machine with eight cards runs: questions cost more than all
 * else of a sample. With more servers each is asked less often.
 */
export const VISITS_PER_S_MAX = 8;
const MS_PER_S = 1000;

/**
 * The inference servers' own numbers: asks each that the worker monitor found, over loopback, and gives what is known
 * by now, so that a server that hangs costs no other its numbers. Absent where there are no servers.
 */
export class EnginesMonitor implements Monitor {
  readonly name = 'engines';
  readonly budgetMs: number;
  private watches: ReadonlyMap<string, EngineWatch> = new Map();
  /** Who is still to be visited, in that order, and the visits under way. */
  private queue: EngineWatch[] = [];
  private readonly visits = new Set<Promise<void>>();
  private failingVisits = 0;

  constructor(
    private readonly sightings: Sightings,
    private readonly clock: Clock,
    private readonly intervalMs: number,
  ) {
    this.budgetMs = intervalMs;
  }

  async read(): Promise<Contribution | 'absent'> {
    this.follow(this.sightings.servers.slice(0, limits.WORKERS_PER_HIVE_MAX));
    if (this.watches.size === 0) return 'absent';
    this.queue = this.turn();
    this.visitNext();
    if (this.visits.size > 0) await this.answered();
    return { engines: new Map([...this.watches].map(([worker, watch]) => [worker, watch.observe(this.keepMs)])) };
  }

  [Symbol.dispose](): void {
    this.queue = [];
    this.follow([]);
  }

  /** How many servers one reading may ask. */
  private get share(): number {
    return Math.ceil((VISITS_PER_S_MAX * this.intervalMs) / MS_PER_S);
  }

  /** How long an answer counts: at least until every server could have been asked twice. */
  private get keepMs(): number {
    return Math.max(KEEP_MS, 2 * Math.ceil(this.watches.size / this.share) * this.intervalMs);
  }

  /** Who is asked now: who waited longest, and who failed last time after them; those wait long enough by themselves. */
  private turn(): EngineWatch[] {
    const due = [...this.watches.values()].filter((watch) => watch.due).sort(longestWaitFirst);
    return [...due.filter(({ failing }) => !failing).slice(0, this.share), ...due.filter(({ failing }) => failing)];
  }

  /** A server with another process or another port is another server; one that is gone is hung up on at once. */
  private follow(servers: readonly InferenceServer[]): void {
    const before = this.watches;
    this.watches = new Map(
      servers.map((server) => {
        const known = before.get(server.worker);
        const watch =
          known !== undefined && isSame(known.server, server)
            ? known
            : new EngineWatch(server, dialectOf(server.engine), this.clock);
        return [server.worker, watch];
      }),
    );
    for (const [worker, watch] of before) if (this.watches.get(worker) !== watch) watch[Symbol.dispose]();
  }

  private visitNext(): void {
    while (this.visits.size < VISITS_AT_ONCE_MAX) {
      if (this.queue[0]?.failing === true && this.failingVisits === FAILING_AT_ONCE_MAX) return;
      const watch = this.queue.shift();
      if (watch === undefined) return;
      const visit = this.visit(watch).finally(() => {
        this.visits.delete(visit);
        this.visitNext();
      });
      this.visits.add(visit);
    }
  }

  private async visit(watch: EngineWatch): Promise<void> {
    const failing = Number(watch.failing);
    this.failingVisits += failing;
    await watch.visit(this.keepMs);
    this.failingVisits -= failing;
  }

  /** Until nobody is left to be visited, or the sample can't wait any longer. */
  private async answered(): Promise<void> {
    let expire = (): void => undefined;
    const expired = new Promise<false>((resolve) => (expire = () => resolve(false)));
    const waitMs = Math.min(ANSWER_WAIT_MS, this.intervalMs * ANSWER_WAIT_SHARE);
    const deadline = this.clock.scheduler.schedule(expire, waitMs);
    while (this.visits.size > 0) {
      if ((await Promise.race([...this.visits, expired])) === false) break;
    }
    deadline.unsubscribe();
  }
}

const longestWaitFirst = (one: EngineWatch, other: EngineWatch): number => one.lastVisitMs - other.lastVisitMs;

const isSame = (one: InferenceServer, other: InferenceServer): boolean =>
  one.pid === other.pid &&
  one.startTicks === other.startTicks &&
  one.origin === other.origin &&
  one.engine === other.engine;
