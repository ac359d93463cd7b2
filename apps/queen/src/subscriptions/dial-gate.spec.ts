import { describe, expect, it } from '@jest/globals';

import { ManualClock } from '#testing';

import { DialGate, type DialTurn } from './dial-gate.js';

describe('DialGate', () => {
  const enterMany = (gate: DialGate, count: number): { started: number[]; turns: DialTurn[] } => {
    const started: number[] = [];
    const turns = Array.from({ length: count }, (_, index) => gate.enter(() => void started.push(index), 'there'));
    return { started, turns };
  };

  it('lets a lone dial through at once', () => {
    const { started } = enterMany(new DialGate(new ManualClock(), { dialsPerS: 1 }), 1);
    expect(started).toEqual([0]);
  });

  it('keeps the rate, in order', () => {
    const clock = new ManualClock();
    clock.advance(10_000);
    const { started, turns } = enterMany(new DialGate(clock, { dialsPerS: 50 }), 200);
    turns.forEach((turn) => turn.leave());
    // The first five are those saved up in 100 ms; those that left while waiting are not dialled at all.
    expect(started.length).toBeLessThanOrEqual(6);
    const gate = new DialGate(clock, { dialsPerS: 50 });
    const order: number[] = [];
    for (let index = 0; index < 150; index++) {
      const turn: DialTurn = gate.enter(() => {
        order.push(index);
        queueMicrotask(() => turn.leave());
      }, 'perhaps');
    }
    return Promise.resolve().then(async () => {
      for (let step = 0; step < 100; step++) {
        clock.advance(10);
        await Promise.resolve();
      }
      expect(order.length).toBeGreaterThan(45);
      expect(order.length).toBeLessThan(60);
      expect(order).toEqual(order.map((_, index) => index));
    });
  });

  it('has at most 64 in flight, and goes on as they leave', () => {
    const clock = new ManualClock();
    const gate = new DialGate(clock, { dialsPerS: 10_000 });
    const { started, turns } = enterMany(gate, 100);
    for (let step = 0; step < 50; step++) clock.advance(10);
    expect(started).toHaveLength(64);
    turns.slice(0, 10).forEach((turn) => turn.leave());
    turns.slice(0, 10).forEach((turn) => turn.leave());
    clock.advance(10);
    expect(started).toHaveLength(74);
  });

  it('lets those that are there pass a crowd that may be gone', () => {
    const clock = new ManualClock();
    const gate = new DialGate(clock, { dialsPerS: 10_000 });
    const started: string[] = [];
    for (let index = 0; index < 200; index++) gate.enter(() => void started.push('gone'), 'perhaps');
    for (let step = 0; step < 50; step++) clock.advance(10);
    expect(started).toHaveLength(48);
    const turns = Array.from({ length: 20 }, () => gate.enter(() => void started.push('there'), 'there'));
    for (let step = 0; step < 50; step++) clock.advance(10);
    expect(started.slice(48)).toEqual(Array.from({ length: 16 }, () => 'there'));
    turns.slice(0, 4).forEach((turn) => turn.leave());
    clock.advance(10);
    expect(started.slice(64)).toEqual(['there', 'there', 'there', 'there']);
  });
});
