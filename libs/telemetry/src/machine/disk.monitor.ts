import { join } from 'node:path';

import type { Clock } from '#service-kit';

import { kernelNumber, nodeMonitor, readKernelFile } from '../kernel-files.js';
import type { Monitor } from '../monitor.js';
import { CounterRate } from '../rate.js';
import { PhysicalDevices } from './physical-devices.js';

/** `/proc/diskstats` counts these, whatever the sectors of the disk are. */
const SECTOR_BYTES = 512;

/** Whole disks by name, without their partitions. */
export const PLAUSIBLE_DISK = /^((s|h|v|xv)d[a-z]+|nvme\d+n\d+|mmcblk\d+)$/;

/** Counters of one block device since boot. */
export interface DiskBytes {
  readonly name: string;
  readonly read: number;
  readonly written: number;
}

/** What the disks read and wrote. Partitions and mapped devices would count the same bytes again. */
export function diskMonitor(procRoot: string, sysRoot: string, clock: Clock, budgetMs: number): Monitor {
  const devices = new PhysicalDevices(join(sysRoot, 'class/block'), PLAUSIBLE_DISK);
  const [read, written] = [new CounterRate(), new CounterRate()];
  return nodeMonitor('disk', budgetMs, () => {
    const disks = parseDiskStats(readKernelFile(join(procRoot, 'diskstats')));
    const atMs = clock.monotonicMs();
    const physical = devices.of(disks.map(({ name }) => name));
    const counted = disks.filter(({ name }) => physical.has(name));
    return {
      disk_r_mb_s: read.mibPerSecond(new Map(counted.map((disk) => [disk.name, disk.read])), atMs),
      disk_w_mb_s: written.mibPerSecond(new Map(counted.map((disk) => [disk.name, disk.written])), atMs),
    };
  });
}

/** A line that can't be read is left out. */
export function parseDiskStats(text: string): DiskBytes[] {
  return text.split('\n').flatMap((line) => {
    const [, , name, , , read, , , , written] = line.trim().split(/\s+/);
    const [sectorsRead, sectorsWritten] = [kernelNumber(read), kernelNumber(written)];
    if (name === undefined || sectorsRead === null || sectorsWritten === null) return [];
    return [{ name, read: sectorsRead * SECTOR_BYTES, written: sectorsWritten * SECTOR_BYTES }];
  });
}
