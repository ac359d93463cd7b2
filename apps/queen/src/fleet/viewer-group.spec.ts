import { EventEmitter } from 'node:events';

import { describe, expect, it } from '@jest/globals';
import type { Response } from 'express';

import type { FleetEvent } from '#contracts';
import { sampleTelemetry } from '#testing';

import { encodeFleet, type FleetFrame, frameOf, movedTo } from './fleet-frame.js';
import { parseFleetFilter } from './fleet-filter.js';
import { Viewer } from './viewer.js';
import { type GroupSource, ViewerGroup } from './viewer-group.js';

/** A connection whose other side reads only when it is told to. */
class Connection extends EventEmitter {
  readonly writes: Buffer[] = [];
  private unread = 0;
  isSlow = false;
  destroyed = false;

  get writableLength(): number {
    return this.unread;
  }

  get writableNeedDrain(): boolean {
    return this.unread > 0;
  }

  write(bytes: Buffer | string): boolean {
    this.writes.push(Buffer.from(bytes));
    if (this.isSlow) this.unread += bytes.length;
    return !this.isSlow;
  }

  read(): void {
    this.unread = 0;
    this.emit('drain');
  }

  destroy(): void {
    this.destroyed = true;
  }

  /** Event type and, of telemetry, hive and sample. */
  get seen(): string[] {
    const text = Buffer.concat(this.writes).toString();
    return [...text.matchAll(/^data: (.*)$/gm)].map(([, json = '']) => {
      const { type, hive_id, seq, dropped } = JSON.parse(json) as Record<string, string | number | undefined>;
      return [type, hive_id, seq, dropped].filter((word) => word !== undefined).join(' ');
    });
  }
}

const EPOCH = 'q';

/** One group with what it needs of the feed. */
class Bench {
  nowMs = 0;
  private seq = 0;
  snapshots = 0;
  snapshotBytes = 0;
  readonly sent: FleetFrame[] = [];
  readonly group: ViewerGroup;

  constructor(query: Record<string, string> = {}) {
    const source: GroupSource = {
      snapshot: () => {
        this.snapshots += 1;
        const padding = 'x'.repeat(this.snapshotBytes);
        return this.aside({ type: 'snapshot', queen_id: padding, timestamp: '', hives: [] });
      },
      since: (seq) => (seq >= 0 && seq <= this.seq ? this.sent.slice(seq) : undefined),
      shape: (frame) => frame,
      reissue: (frame) => movedTo(frame, this.seq, EPOCH),
      lag: (dropped) => this.aside({ type: 'lag', dropped }),
    };
    this.group = new ViewerGroup(parseFleetFilter(query), source);
  }

  join(resumeAfter?: number): Connection {
    const connection = new Connection();
    const viewer = new Viewer(
      connection as unknown as Response,
      resumeAfter,
      { bytes: 4_000, ms: 5_000 },
      () => this.nowMs,
      (drained) => this.group.catchUp(drained),
    );
    this.group.join(viewer);
    return connection;
  }

  telemetry(hiveId: string, seq: number): void {
    this.publish({ ...sampleTelemetry(hiveId, seq), type: 'hive_telemetry', received_at: '' });
  }

  publish(event: FleetEvent): void {
    this.seq += 1;
    const frame = frameOf(event, JSON.stringify(event), this.seq, EPOCH);
    this.sent.push(frame);
    this.group.take(frame);
  }

  flush(): void {
    this.group.flush(this.nowMs);
  }

  private aside(event: FleetEvent): Buffer {
    return encodeFleet(event.type, JSON.stringify(event), this.seq, EPOCH);
  }
}

describe('ViewerGroup', () => {
  it('gives all viewers the same bytes, in one write each', () => {
    const bench = new Bench();
    const viewers = [bench.join(), bench.join()];
    bench.flush();
    for (let seq = 1; seq <= 3; seq++) bench.telemetry('a', seq);
    bench.flush();
    bench.flush();
    for (const viewer of viewers) {
      expect(viewer.seen).toEqual(['snapshot', ...[1, 2, 3].map((seq) => `hive_telemetry a ${seq}`)]);
      expect(viewer.writes).toHaveLength(2);
    }
    expect(bench.snapshots).toBe(1);
  });

  it('lets a viewer in between two ticks: what the snapshot holds does not come again', () => {
    const bench = new Bench();
    const early = bench.join();
    bench.flush();
    bench.telemetry('a', 1);
    const late = bench.join();
    bench.telemetry('a', 2);
    bench.flush();
    bench.telemetry('a', 3);
    bench.flush();
    expect(early.seen).toHaveLength(4);
    expect(late.seen).toEqual(['snapshot', 'hive_telemetry a 3']);
  });

  it('merges for a viewer that is behind, says how many, and keeps the order within a hive', () => {
    const bench = new Bench();
    const [slow, quick] = [bench.join(), bench.join()];
    bench.flush();
    slow.isSlow = true;
    for (let seq = 1; seq <= 30; seq++) {
      bench.telemetry('a', seq);
      bench.telemetry('b', seq);
      bench.flush();
    }
    const before = slow.seen.length;
    slow.isSlow = false;
    slow.read();
    const after = slow.seen.slice(before);
    expect(after).toEqual([`lag ${61 - before - 2}`, 'hive_telemetry a 30', 'hive_telemetry b 30']);
    expect(slow.seen.length - 1 + (61 - before - 2)).toBe(61);
    bench.telemetry('a', 31);
    bench.flush();
    expect(slow.seen.at(-1)).toBe('hive_telemetry a 31');
    expect(quick.seen).toHaveLength(62);
  });

  it('falls behind by time too, and a viewer that takes nothing for 30 s is dropped', () => {
    const bench = new Bench();
    const slow = bench.join();
    bench.flush();
    slow.isSlow = true;
    bench.telemetry('a', 1);
    bench.flush();
    bench.nowMs = 5_001;
    bench.telemetry('a', 2);
    bench.flush();
    expect(slow.seen).toEqual(['snapshot', 'hive_telemetry a 1']);
    bench.nowMs = 30_000;
    bench.group.beat();
    expect(slow.destroyed).toBe(false);
    bench.nowMs = 30_001;
    bench.group.beat();
    expect(slow.destroyed).toBe(true);
  });

  it('writes a large snapshot in pieces, as fast as it is taken, and then what came meanwhile', () => {
    const bench = new Bench();
    bench.snapshotBytes = 1_000_000;
    const slow = bench.join();
    slow.isSlow = true;
    bench.flush();
    expect(slow.writes).toHaveLength(1);
    bench.telemetry('a', 1);
    bench.telemetry('a', 2);
    bench.flush();
    for (let piece = 2; piece <= 4; piece++) slow.read();
    expect(slow.writes.slice(0, 4).map(({ length }) => length <= 262_144)).toEqual([true, true, true, true]);
    expect(slow.seen).toEqual(['snapshot']);
    slow.read();
    slow.read();
    expect(slow.seen).toEqual(['snapshot', 'lag 1', 'hive_telemetry a 2']);
  });

  it('gives a viewer that comes back exactly what it missed, else a snapshot', () => {
    const bench = new Bench({ hive: 'a' });
    for (let seq = 1; seq <= 3; seq++) {
      bench.telemetry('a', seq);
      bench.telemetry('b', seq);
    }
    const [back, same, foreign] = [bench.join(2), bench.join(6), bench.join(-1)];
    bench.flush();
    expect(back.seen).toEqual(['hive_telemetry a 2', 'hive_telemetry a 3']);
    expect(same.seen).toEqual([]);
    expect(foreign.seen).toEqual(['snapshot']);
    bench.telemetry('a', 4);
    bench.flush();
    for (const viewer of [back, same, foreign]) expect(viewer.seen.at(-1)).toBe('hive_telemetry a 4');
  });

  it('throttles telemetry to the latest of each hive; the ids never go back', () => {
    const bench = new Bench({ throttle_ms: '500' });
    const viewer = bench.join();
    bench.flush();
    bench.telemetry('a', 1);
    bench.flush();
    bench.telemetry('a', 2);
    bench.telemetry('b', 1);
    bench.telemetry('a', 3);
    bench.publish({ type: 'lag', dropped: 7 });
    bench.flush();
    bench.nowMs = 500;
    expect(bench.group.isDue(499)).toBe(false);
    bench.flush();
    expect(viewer.seen).toEqual([
      'snapshot',
      'hive_telemetry a 1',
      'lag 7',
      'hive_telemetry a 3',
      'hive_telemetry b 1',
    ]);
    const ids = [
      ...Buffer.concat(viewer.writes)
        .toString()
        .matchAll(/^id: q:(\d+)$/gm),
    ].map(([, id]) => Number(id));
    expect(ids).toEqual([...ids].sort((a, b) => a - b));
  });

  it('keeps a quiet connection warm', () => {
    const bench = new Bench();
    const viewer = bench.join();
    bench.flush();
    bench.nowMs = 9_500;
    bench.group.beat();
    bench.group.beat();
    expect(viewer.writes.at(-1)?.toString()).toBe(':\n\n');
    expect(viewer.writes).toHaveLength(2);
  });
});
