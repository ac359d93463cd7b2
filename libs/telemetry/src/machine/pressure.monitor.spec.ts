import { describe, expect, it } from '@jest/globals';

import { TempTree } from '#testing';

import { parsePressure, pressureMonitor } from './pressure.monitor.js';

const MEMORY = `some avg10=1.53 avg60=0.87 avg300=0.30 total=58761459
full avg10=0.40 avg60=0.20 avg300=0.10 total=5876
`;

describe('parsePressure', () => {
  it('reads the average of 10 s', () => {
    expect([parsePressure(MEMORY, 'some'), parsePressure(MEMORY, 'full')]).toEqual([1.53, 0.4]);
  });

  it('does not know a line that is not there', () => {
    expect(parsePressure('some avg10=0.00 avg60=0.00\n', 'full')).toBeNull();
    expect(parsePressure('some avg10=x', 'some')).toBeNull();
    expect(parsePressure(undefined, 'some')).toBeNull();
  });
});

describe('pressureMonitor', () => {
  it('reads what there is', async () => {
    using tree = new TempTree({ 'pressure/memory': MEMORY });
    expect(await pressureMonitor(tree.root, 1000).read(AbortSignal.timeout(1000))).toEqual({
      node: {
        pressure: {
          cpu_some_pct: null,
          memory_some_pct: 1.53,
          memory_full_pct: 0.4,
          io_some_pct: null,
          io_full_pct: null,
        },
      },
    });
  });

  it('is absent where the kernel has none', async () => {
    using tree = new TempTree();
    expect(await pressureMonitor(tree.root, 1000).read(AbortSignal.timeout(1000))).toBe('absent');
  });
});
