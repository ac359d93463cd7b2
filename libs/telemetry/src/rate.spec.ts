import { describe, expect, it } from '@jest/globals';

import { CounterRate, MIB, round } from './rate.js';

const counters = (values: Record<string, number>): Map<string, number> => new Map(Object.entries(values));

describe('CounterRate', () => {
  it('knows nothing from one reading, then the growth per second', () => {
    const rate = new CounterRate();
    expect(rate.perSecond(counters({ a: 100, b: 5 }), 0)).toBeNull();
    expect(rate.perSecond(counters({ a: 150, b: 5 }), 500)).toBe(100);
    expect(rate.perSecond(counters({ a: 150, b: 5 }), 1500)).toBe(0);
  });

  it('does not take a counter that appears or goes for a burst', () => {
    const rate = new CounterRate();
    rate.perSecond(counters({ a: 100 }), 0);
    expect(rate.perSecond(counters({ a: 110, b: 1e12 }), 1000)).toBe(10);
    expect(rate.perSecond(counters({ b: 1e12 + 7 }), 2000)).toBe(7);
    expect(rate.perSecond(counters({ c: 1 }), 3000)).toBeNull();
  });

  it('knows nothing after a counter went back, was unknown, or no time went by', () => {
    const rate = new CounterRate();
    rate.perSecond(counters({ a: 100, b: 100 }), 0);
    expect(rate.perSecond(counters({ a: 200, b: 99 }), 1000)).toBeNull();
    expect(rate.perSecond(counters({ a: 300, b: 100 }), 2000)).toBe(101);
    expect(rate.perSecond(counters({ a: 400, b: 100 }), 2000)).toBeNull();
    expect(rate.perSecond(null, 3000)).toBeNull();
    expect(rate.perSecond(counters({ a: 500, b: 100 }), 4000)).toBeNull();
  });

  it('gives MiB', () => {
    const rate = new CounterRate();
    rate.mibPerSecond(counters({ a: 0 }), 0);
    expect(rate.mibPerSecond(counters({ a: 3 * MIB }), 2000)).toBe(1.5);
  });
});

describe('round', () => {
  it('keeps so many decimals', () => {
    expect([round(1.2345, 1), round(1.25, 1), round(0.04, 1), round(-1.26, 1)]).toEqual([1.2, 1.3, 0, -1.3]);
  });
});
