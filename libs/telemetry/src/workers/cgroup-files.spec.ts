import { describe, expect, it } from '@jest/globals';

import { parseCpuUsageUs, parseIoStat, parseMemoryBytes } from './cgroup-files.js';

describe('parseCpuUsageUs', () => {
  it('reads the time of user and system together', () => {
    expect(parseCpuUsageUs('usage_usec 146272666\nuser_usec 97902928\nsystem_usec 48369738\nnice_usec 0\n')).toBe(
      146272666,
    );
  });

  it.each(['', undefined, 'usage_usec x\n', 'user_usec 1\n'])('does not know it from %j', (text) => {
    expect(parseCpuUsageUs(text)).toBeNull();
  });
});

describe('parseMemoryBytes', () => {
  const stat = 'anon 700\nfile 300\ninactive_anon 1\nactive_file 100\ninactive_file 200\n';

  it('leaves out the file cache that would be dropped first', () => {
    expect(parseMemoryBytes('1000\n', stat)).toBe(800);
    expect(parseMemoryBytes('100\n', stat)).toBe(0);
  });

  it('does not know it without both files', () => {
    expect(parseMemoryBytes('1000\n', undefined)).toBeNull();
    expect(parseMemoryBytes(undefined, stat)).toBeNull();
    expect(parseMemoryBytes('max\n', stat)).toBeNull();
  });
});

describe('parseIoStat', () => {
  it('adds up the devices', () => {
    const text =
      '259:0 rbytes=4096 wbytes=100 rios=1 wios=1 dbytes=9 dios=0\n8:0 rbytes=4 wbytes=8 rios=1 wios=1\n7:0 \n';
    expect(parseIoStat(text)).toEqual({ read: 4100, written: 108 });
  });

  it('tells nothing moved from not known', () => {
    expect(parseIoStat('')).toEqual({ read: 0, written: 0 });
    expect(parseIoStat(undefined)).toBeNull();
  });
});
