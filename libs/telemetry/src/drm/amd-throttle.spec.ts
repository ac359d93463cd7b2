import { describe, expect, it } from '@jest/globals';

import { gpuMetricsV13 } from '#testing';

import { amdThrottleReasons } from './amd-throttle.js';

const reasons = (status: bigint): readonly string[] | null => amdThrottleReasons(Buffer.from(gpuMetricsV13(status)));

describe('amdThrottleReasons', () => {
  it('names the bits that are common to all chips', () => {
    expect(reasons((1n << 0n) | (1n << 16n) | (1n << 36n) | (1n << 57n))).toEqual([
      'ppt0',
      'tdc_gfx',
      'temp_hotspot',
      'fit',
    ]);
  });

  it('tells nothing held down from not reported', () => {
    expect(reasons(0n)).toEqual([]);
    expect(reasons(0xffff_ffff_ffff_ffffn)).toBeNull();
  });

  it('does not read other versions of the table, or half of one', () => {
    const other = Buffer.from(gpuMetricsV13(1n));
    other.writeUInt8(4, 3);
    expect(amdThrottleReasons(other)).toBeNull();
    expect(amdThrottleReasons(Buffer.from(gpuMetricsV13(1n)).subarray(0, 100))).toBeNull();
    expect(amdThrottleReasons(undefined)).toBeNull();
  });
});
