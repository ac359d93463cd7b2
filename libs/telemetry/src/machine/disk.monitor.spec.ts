import { describe, expect, it } from '@jest/globals';

import { ManualClock, TempTree } from '#testing';

import { diskMonitor, parseDiskStats, PLAUSIBLE_DISK } from './disk.monitor.js';

const line = (name: string, read: number, written: number): string =>
  ` 259 0 ${name} 54295 23647 ${read} 10978 7313 60405 ${written} 7297 0 7284 19706 16892 54 240224 1430 4 0\n`;
const SECTORS_PER_MIB = 2048;

describe('parseDiskStats', () => {
  it('reads a captured table in bytes', () => {
    const table = `   7       0 loop0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0
 254       0 vda 54295 23647 1797954 10978 7313 60405 1192984 7297 0 7284 19706 16892 54 240224 1430 4 0
`;
    expect(parseDiskStats(table)).toEqual([
      { name: 'loop0', read: 0, written: 0 },
      { name: 'vda', read: 1797954 * 512, written: 1192984 * 512 },
    ]);
  });

  it('reads the short lines of old kernels and leaves out what is no line', () => {
    expect(parseDiskStats('8 0 sda 1 2 3 4 5 6 7 8 9 10 11\n')).toEqual([{ name: 'sda', read: 1536, written: 3584 }]);
    expect(parseDiskStats('\n8 0 sda 1 2 x 4 5 6 7\n8 0\n')).toEqual([]);
  });
});

describe('diskMonitor', () => {
  async function rates(tree: TempTree, before: string, after: string): Promise<unknown> {
    const clock = new ManualClock();
    const monitor = diskMonitor(`${tree.root}/proc`, `${tree.root}/sys`, clock, 1000);
    tree.write({ 'proc/diskstats': before });
    expect(await monitor.read(AbortSignal.timeout(1000))).toEqual({ node: { disk_r_mb_s: null, disk_w_mb_s: null } });
    tree.write({ 'proc/diskstats': after });
    clock.advance(1000);
    return monitor.read(AbortSignal.timeout(1000));
  }

  it('counts whole disks only', async () => {
    using tree = new TempTree({ 'sys/class/block/nvme0n1/device/': '', 'sys/class/block/nvme0n1p1/': '' });
    const table = (mib: number): string =>
      ['nvme0n1', 'nvme0n1p1', 'dm-0', 'loop0'].map((name) => line(name, mib * SECTORS_PER_MIB, mib * 512)).join('');
    expect(await rates(tree, table(0), table(3))).toEqual({ node: { disk_r_mb_s: 3, disk_w_mb_s: 0.75 } });
  });

  it('knows nothing for one sample when a counter is reset', async () => {
    using tree = new TempTree({ 'sys/class/block/sda/device/': '' });
    expect(await rates(tree, line('sda', 9, 9), line('sda', 1, 9))).toEqual({
      node: { disk_r_mb_s: null, disk_w_mb_s: 0 },
    });
  });

  it('knows nothing where there is no disk', async () => {
    using tree = new TempTree();
    expect(await rates(tree, line('loop0', 0, 0), line('loop0', 9, 9))).toEqual({
      node: { disk_r_mb_s: null, disk_w_mb_s: null },
    });
  });
});

describe('PLAUSIBLE_DISK', () => {
  it.each(['sda', 'sdaa', 'vda', 'xvdb', 'hda', 'nvme0n1', 'nvme12n3', 'mmcblk0'])('takes %s', (name) => {
    expect(PLAUSIBLE_DISK.test(name)).toBe(true);
  });

  it.each(['sda1', 'nvme0n1p1', 'mmcblk0p2', 'dm-0', 'md0', 'loop0', 'ram0', 'zram0', 'sr0'])('not %s', (name) => {
    expect(PLAUSIBLE_DISK.test(name)).toBe(false);
  });
});
