import { describe, expect, it } from '@jest/globals';

import { parseProcessIo, parseProcessMemoryBytes } from './process-files.js';
import { isDead, parseProcessStat } from './process-stat.js';

const stat = (name: string): string =>
  `4711 (${name}) S 4700 4699 4711 0 -1 4194560 12321 13 2 6 310 45 90 90 20 0 8 0 123456 9 7 8 4194304 5 140722 0\n`;

describe('parseProcessStat', () => {
  it.each(['python3', 'VLLM::Worker_TP0', 'a b', 'ends) R 1 1 (', ':-) Z 0 0', 'two\nlines', ''])(
    'reads past the name %j',
    (name) => {
      expect(parseProcessStat(stat(name))).toEqual({
        state: 'S',
        parent: 4700,
        group: 4699,
        cpuTicks: 355,
        startTicks: 123456,
        name,
        isKernelThread: false,
        isThread: false,
        image: `${name}/4194304/140722`,
      });
    },
  );

  it.each(['', '4711', '4711 (x)', '4711 (x) S', '4711 (x) S 1 2 3', stat('x').slice(0, 60)])(
    'does not know %j',
    (text) => {
      expect(parseProcessStat(text)).toBeNull();
    },
  );

  it('tells a thread of the kernel by its flag, whoever its parent is', () => {
    const kthread = '9 (kworker/0:1) I 2 0 0 0 -1 69238880 0 0 0 0 0 12 0 0 20 0 1 0 71 0 0 0 0 0 0 0\n';
    expect(parseProcessStat(kthread)?.isKernelThread).toBe(true);
    expect(parseProcessStat(stat('x').replace('S 4700', 'S 2'))?.isKernelThread).toBe(false);
  });

  it('reads this very process', async () => {
    const { readFileSync } = await import('node:fs');
    expect(parseProcessStat(readFileSync('/proc/self/stat', 'utf8'))).toMatchObject({ parent: process.ppid });
  });
});

describe('isDead', () => {
  it('is what has ended, not what hangs', () => {
    expect(['Z', 'X', 'x'].every(isDead)).toBe(true);
    expect(['R', 'S', 'D', 'T', 't', 'I'].some(isDead)).toBe(false);
  });
});

describe('parseProcessMemoryBytes', () => {
  it('counts own and shared pages, not mapped files', () => {
    const status =
      'Name:\tx\nVmRSS:\t  900000 kB\nRssAnon:\t  100000 kB\nRssFile:\t  799000 kB\nRssShmem:\t    1000 kB\n';
    expect(parseProcessMemoryBytes(status)).toBe(101000 * 1024);
  });

  it('does not know it of a kernel thread or an old kernel', () => {
    expect(parseProcessMemoryBytes('Name:\tkthreadd\n')).toBeNull();
    expect(parseProcessMemoryBytes('VmRSS:\t 5 kB\nRssAnon:\t 5 kB\n')).toBeNull();
    expect(parseProcessMemoryBytes('')).toBeNull();
  });
});

describe('parseProcessIo', () => {
  it('reads what reached the disks', () => {
    const io =
      'rchar: 999\nwchar: 999\nsyscr: 9\nsyscw: 9\nread_bytes: 4096\nwrite_bytes: 8192\ncancelled_write_bytes: 1\n';
    expect(parseProcessIo(io)).toEqual({ read: 4096, written: 8192 });
    expect(parseProcessIo('')).toBeNull();
  });
});
