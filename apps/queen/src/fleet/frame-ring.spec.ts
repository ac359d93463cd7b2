import { describe, expect, it } from '@jest/globals';

import type { FleetFrame } from './fleet-frame.js';
import { FrameRing } from './frame-ring.js';

const frame = (seq: number, size = 10): FleetFrame => ({
  seq,
  type: 'lag',
  hiveId: undefined,
  bytes: Buffer.alloc(size),
});

const seqsSince = (ring: FrameRing, seq: number): readonly number[] | undefined =>
  ring.since(seq)?.map((each) => each.seq);

describe('FrameRing', () => {
  it('gives what came after a frame, once and in order', () => {
    const ring = new FrameRing({ ageMs: 1000, bytes: 1000 });
    for (let seq = 1; seq <= 5; seq++) ring.push(frame(seq), 0);
    expect(seqsSince(ring, 2)).toEqual([3, 4, 5]);
    expect(seqsSince(ring, 5)).toEqual([]);
    expect(seqsSince(ring, 0)).toEqual([1, 2, 3, 4, 5]);
  });

  it('knows nothing of a frame that was never sent, nor of any while it is empty', () => {
    const ring = new FrameRing({ ageMs: 1000, bytes: 1000 });
    expect(seqsSince(ring, 0)).toBeUndefined();
    ring.push(frame(1), 0);
    expect(seqsSince(ring, 2)).toBeUndefined();
  });

  it('forgets by age and by size, whichever comes first, and then can not tell all', () => {
    const ring = new FrameRing({ ageMs: 1000, bytes: 100 });
    for (let seq = 1; seq <= 20; seq++) ring.push(frame(seq), 0);
    expect(seqsSince(ring, 10)).toEqual([11, 12, 13, 14, 15, 16, 17, 18, 19, 20]);
    expect(seqsSince(ring, 9)).toBeUndefined();
    ring.push(frame(21), 900);
    ring.push(frame(22), 1001);
    expect(seqsSince(ring, 20)).toEqual([21, 22]);
    expect(seqsSince(ring, 19)).toBeUndefined();
  });

  it('keeps nothing that alone is too large', () => {
    const ring = new FrameRing({ ageMs: 1000, bytes: 100 });
    ring.push(frame(1, 101), 0);
    expect(seqsSince(ring, 0)).toBeUndefined();
    ring.push(frame(2), 0);
    expect(seqsSince(ring, 1)).toEqual([2]);
  });
});
