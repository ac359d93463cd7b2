import { type ClientRequest, get } from 'node:http';

import type { FleetEvent, HiveStateEvent, HiveTelemetryEvent } from '#contracts';
import { eventually } from '#testing';

/** A stream that ended is opened again this soon, in ms: the watch outlives queens. */
const REOPEN_MS = 50;

/** A sample as the merged stream brought it. */
export interface Sighting {
  readonly seq: number;
  readonly bootId: string;
  /** Which queen said so: another may say again what its predecessor said. */
  readonly queenId: string;
  readonly atMs: number;
}

/** A change of a hive's state as the merged stream brought it. */
export interface StateChange {
  readonly event: HiveStateEvent;
  readonly atMs: number;
}

/** Reads a queen's merged stream for the whole of a scenario, across restarts of the queen, and notes when what came. */
export class FleetWatch implements Disposable {
  readonly states: StateChange[] = [];
  /** Samples that came twice, by `(hive, boot, seq)` within one queen's life. */
  duplicates = 0;
  private readonly sightings = new Map<string, Sighting[]>();
  private request: ClientRequest | undefined;
  private disposed = false;
  private queenId = '';

  constructor(private readonly url: string) {
    this.open();
  }

  /** Every sample of this hive so far, in the order of arrival. */
  of(hiveId: string): readonly Sighting[] {
    return this.sightings.get(hiveId) ?? [];
  }

  /** When the first sample of this hive after `sinceMs` arrived. */
  async telemetryAfter(hiveId: string, sinceMs: number, deadlineMs?: number): Promise<number> {
    const seen = await eventually(`telemetry of ${hiveId}`, () => this.firstAfter(hiveId, sinceMs), deadlineMs);
    return seen.atMs;
  }

  /** When the last of these hives had sent its first sample after `sinceMs`. */
  async allAfter(hiveIds: readonly string[], sinceMs: number, deadlineMs?: number): Promise<number> {
    const missing = (): readonly string[] => hiveIds.filter((id) => (this.of(id).at(-1)?.atMs ?? 0) <= sinceMs);
    await eventually(`telemetry of all ${hiveIds.length}`, () => missing().length === 0, deadlineMs).catch(
      (error: unknown) => {
        throw new Error(`${missing().length} of ${hiveIds.length} never came: ${missing().slice(0, 5).join(', ')}`, {
          cause: error,
        });
      },
    );
    return Math.max(...hiveIds.map((id) => this.firstAfter(id, sinceMs)?.atMs ?? Number.NaN));
  }

  /** When a state that `wanted` accepts was first announced after `sinceMs`. */
  async stateAfter(
    hiveId: string,
    what: string,
    wanted: (event: HiveStateEvent) => boolean,
    { sinceMs, deadlineMs }: { sinceMs: number; deadlineMs?: number },
  ): Promise<number> {
    const isIt = ({ event, atMs }: StateChange): boolean => event.hive_id === hiveId && atMs > sinceMs && wanted(event);
    const { atMs } = await eventually(`${hiveId} ${what}`, () => this.states.find(isIt), deadlineMs);
    return atMs;
  }

  /** The changes of all hives after `sinceMs`, of those in `hiveIds` if given. */
  changesAfter(sinceMs: number, hiveIds?: readonly string[]): readonly HiveStateEvent[] {
    const isIt = ({ event, atMs }: StateChange): boolean =>
      atMs > sinceMs && (hiveIds === undefined || hiveIds.includes(event.hive_id));
    return this.states.filter(isIt).map(({ event }) => event);
  }

  /** Numbers that the samples of a hive within a time skipped; a new start of the hive begins anew. */
  gapsBetween(hiveId: string, fromMs: number, toMs: number): number {
    const seen = this.of(hiveId).filter(({ atMs }) => atMs >= fromMs && atMs <= toMs);
    return seen.slice(1).reduce((gaps, { seq, bootId }, index) => {
      const before = seen[index];
      return before?.bootId === bootId ? gaps + seq - before.seq - 1 : gaps;
    }, 0);
  }

  [Symbol.dispose](): void {
    this.disposed = true;
    this.request?.destroy();
  }

  private firstAfter(hiveId: string, sinceMs: number): Sighting | undefined {
    const seen = this.of(hiveId);
    return seen[seen.findLastIndex(({ atMs }) => atMs <= sinceMs) + 1];
  }

  private open(): void {
    if (this.disposed) return;
    let rest = '';
    this.request = get(`${this.url}/v1/heartbeats/stream`, { agent: false }, (response) => {
      response.setEncoding('utf8').on('data', (text: string) => {
        const blocks = (rest + text).split('\n\n');
        rest = blocks.pop() ?? '';
        for (const block of blocks) this.take(block);
      });
      response.on('close', () => this.reopen());
      response.on('error', () => undefined);
    });
    this.request.on('error', () => this.reopen());
  }

  private reopen(): void {
    this.request?.removeAllListeners('error').on('error', () => undefined);
    setTimeout(() => this.open(), REOPEN_MS).unref();
  }

  private take(block: string): void {
    const at = block.indexOf('\ndata: ');
    if (at < 0) return;
    const event = JSON.parse(block.slice(at + '\ndata: '.length)) as FleetEvent;
    const atMs = performance.now();
    if (event.type === 'hive_telemetry') this.see(event, atMs);
    else if (event.type === 'hive_state') this.states.push({ event, atMs });
    else if (event.type === 'snapshot') this.queenId = event.queen_id;
  }

  private see({ hive_id, seq, hive_info }: HiveTelemetryEvent, atMs: number): void {
    const seen = this.sightings.get(hive_id) ?? [];
    const last = seen.at(-1);
    const [bootId, { queenId }] = [hive_info.boot_id, this];
    if (last?.queenId === queenId && last.bootId === bootId && seq <= last.seq) this.duplicates += 1;
    seen.push({ seq, bootId, queenId, atMs });
    this.sightings.set(hive_id, seen);
  }
}
