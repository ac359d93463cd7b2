import { describe, expect, it } from '@jest/globals';

import { busiestPct, EngineUse } from './engine-use.js';

const time = (busy: number, capacity = 1) => new Map([['gfx', { busy, total: null, capacity }]]);
const cycles = (busy: number, total: number) => new Map([['ccs', { busy, total, capacity: 1 }]]);

describe('EngineUse', () => {
  it('is the difference over the time, for each engine of the group', () => {
    const use = new EngineUse();
    expect(use.shares(time(1e9, 2), 0)).toBeNull();
    expect(use.shares(time(1.5e9, 2), 1000)?.get('gfx')).toBe(25);
  });

  it('takes cycles by the cycles that passed, whatever the clock says', () => {
    const use = new EngineUse();
    use.shares(cycles(100, 1000), 0);
    expect(use.shares(cycles(400, 2000), 1)?.get('ccs')).toBe(30);
    expect(use.shares(cycles(400, 2000), 2)?.get('ccs')).toBe(0);
  });

  it('stays with the larger value while the driver catches up', () => {
    const use = new EngineUse();
    use.shares(time(1e9), 0);
    expect(use.shares(time(0.4e9), 1000)?.get('gfx')).toBe(0);
    expect(use.shares(time(1.1e9), 2000)?.get('gfx')).toBeCloseTo(10);
  });

  it('never says more than all of the time, and nothing without time', () => {
    const use = new EngineUse();
    use.shares(time(0), 0);
    expect(use.shares(time(9e15), 1000)?.get('gfx')).toBe(100);
    expect(use.shares(time(9e15), 1000)).toBeNull();
  });
});

describe('busiestPct', () => {
  it('adds up the clients of each engine and takes the busiest', () => {
    const clients = [
      new Map([
        ['render', 30],
        ['compute', 20],
      ]),
      new Map([['compute', 45]]),
    ];
    expect(busiestPct(clients)).toBe(65);
    expect(busiestPct([new Map([['gfx', 80]]), new Map([['gfx', 70]])])).toBe(100);
    expect(busiestPct([])).toBe(0);
  });
});
