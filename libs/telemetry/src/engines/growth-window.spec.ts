import { describe, expect, it } from '@jest/globals';

import { GrowthWindow } from './growth-window.js';

const one = (value: number): ReadonlyMap<string, number> => new Map([['total', value]]);

function grown(window: GrowthWindow<string>, value: number | null, atMs: number): [number, number] | null {
  const growth = window.take(value === null ? null : one(value), atMs);
  return growth === null ? null : [growth.by.get('total') ?? -1, growth.overMs];
}

describe('GrowthWindow', () => {
  it('compares with the reading before where it has no span', () => {
    const window = new GrowthWindow<string>(0);
    expect(grown(window, 100, 0)).toBeNull();
    expect(grown(window, 150, 1000)).toEqual([50, 1000]);
    expect(grown(window, 150, 2100)).toEqual([0, 1100]);
    expect(grown(window, 250, 60_000)).toEqual([100, 57_900]);
  });

  it('compares with the reading that is as old as its span', () => {
    const window = new GrowthWindow<string>(60_000);
    expect(grown(window, 0, 0)).toBeNull();
    expect(grown(window, 10, 1000)).toEqual([10, 1000]);
    for (let second = 2; second < 60; second++) grown(window, second * 10, second * 1000);
    expect(grown(window, 600, 60_000)).toEqual([600, 60_000]);
    const [by, overMs] = grown(window, 630, 63_000) ?? [];
    expect([by, overMs]).toEqual([630, 63_000]);
    for (let second = 64; second < 120; second++) grown(window, second * 10, second * 1000);
    const [later, over = 0] = grown(window, 1200, 120_000) ?? [];
    expect(later).toBe(over / 100);
    expect(over).toBeGreaterThanOrEqual(60_000);
    expect(over).toBeLessThanOrEqual(66_000);
  });

  it('begins anew after a reset, after a gap and after not knowing', () => {
    const window = new GrowthWindow<string>(10_000);
    grown(window, 100, 0);
    expect(grown(window, 99, 1000)).toBeNull();
    expect(grown(window, 109, 2000)).toEqual([10, 1000]);
    expect(grown(window, 119, 12_001)).toBeNull();
    expect(grown(window, 129, 13_001)).toEqual([10, 1000]);
    expect(grown(window, null, 14_000)).toBeNull();
    expect(grown(window, 200, 15_000)).toBeNull();
    expect(grown(window, 210, 16_000)).toEqual([10, 1000]);
  });

  it('takes a series that appears as one that began at 0, and one that goes for a reset', () => {
    const window = new GrowthWindow<string>(0);
    window.take(new Map([['a', 5]]), 0);
    expect(
      window.take(
        new Map([
          ['a', 6],
          ['b', 2],
        ]),
        1000,
      )?.by,
    ).toEqual(
      new Map([
        ['a', 1],
        ['b', 2],
      ]),
    );
    expect(window.take(new Map([['b', 3]]), 2000)).toBeNull();
  });
});
