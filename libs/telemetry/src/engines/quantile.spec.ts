import { describe, expect, it } from '@jest/globals';

import { quantileOf } from './quantile.js';

const INF = Number.POSITIVE_INFINITY;

describe('quantileOf', () => {
  it.each<[string, [number, number][], number, number | null]>([
    [
      'within a bucket',
      [
        [1, 0],
        [2, 10],
        [INF, 10],
      ],
      0.5,
      1.5,
    ],
    [
      'at the end of a bucket',
      [
        [1, 5],
        [2, 10],
        [INF, 10],
      ],
      0.5,
      1,
    ],
    [
      'in the lowest, which begins at 0',
      [
        [1, 10],
        [INF, 10],
      ],
      0.5,
      0.5,
    ],
    [
      'beyond the last bound',
      [
        [1, 0],
        [2, 1],
        [INF, 10],
      ],
      0.95,
      2,
    ],
    [
      'past buckets in which nothing was counted',
      [
        [1, 4],
        [2, 4],
        [4, 8],
        [INF, 8],
      ],
      0.75,
      3,
    ],
    [
      'in any order',
      [
        [INF, 10],
        [2, 10],
        [1, 0],
      ],
      0.5,
      1.5,
    ],
    ['with a bound for nothing but infinity', [[INF, 10]], 0.5, 0],
    [
      'of nothing',
      [
        [1, 0],
        [INF, 0],
      ],
      0.5,
      null,
    ],
    ['of no buckets', [], 0.5, null],
    ['without infinity', [[1, 3]], 0.5, null],
    [
      'of buckets that are not cumulative',
      [
        [1, 8],
        [2, 5],
        [INF, 10],
      ],
      0.9,
      2,
    ],
  ])('%s', (_, buckets, share, value) => {
    expect(quantileOf(new Map(buckets), share)).toBe(value);
  });
});
