import { describe, expect, it } from '@jest/globals';

import { parseMemInfo } from './memory.monitor.js';

/** From a machine with 64 GiB, Linux 6.8, shortened. */
const MEMINFO = `MemTotal:       65839104 kB
MemFree:         1204224 kB
MemAvailable:   49283072 kB
Buffers:          812345 kB
SwapCached:            0 kB
SwapTotal:       8388604 kB
SwapFree:        8126460 kB
HugePages_Total:       0
`;

describe('parseMemInfo', () => {
  it('reads MiB; used is what is not available', () => {
    expect(parseMemInfo(MEMINFO)).toEqual({
      ram_used_mb: 16168,
      ram_total_mb: 64296,
      swap_used_mb: 256,
      swap_total_mb: 8192,
    });
  });

  it('tells no swap from unknown swap', () => {
    expect(parseMemInfo('SwapTotal: 0 kB\nSwapFree: 0 kB\n')).toMatchObject({ swap_used_mb: 0, swap_total_mb: 0 });
    expect(parseMemInfo('')).toEqual({
      ram_used_mb: null,
      ram_total_mb: null,
      swap_used_mb: null,
      swap_total_mb: null,
    });
  });

  it('does not guess what is used where the kernel does not tell what is available', () => {
    expect(parseMemInfo('MemTotal: 2048 kB\nMemFree: 1024 kB\n')).toMatchObject({ ram_used_mb: null, ram_total_mb: 2 });
  });
});
