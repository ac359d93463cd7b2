import { kernelNumber } from '../kernel-files.js';

/** Bytes moved since the counters began. */
export interface IoBytes {
  readonly read: number;
  readonly written: number;
}

/** CPU time of a cgroup and all below it in µs, from `cpu.stat`. */
export function parseCpuUsageUs(cpuStat: string | undefined): number | null {
  return valueOf(cpuStat, 'usage_usec');
}

/**
 * `memory.current` less the part of the file cache that the kernel would drop first: a server that has read its model
 * from disk does not hold those pages. Bytes.
 */
export function parseMemoryBytes(current: string | undefined, memoryStat: string | undefined): number | null {
  const [used, droppable] = [kernelNumber(current?.trim()), valueOf(memoryStat, 'inactive_file')];
  return used === null || droppable === null ? null : Math.max(0, used - droppable);
}

/** Summed over the devices of `io.stat`; a cgroup that has moved nothing has an empty file. */
export function parseIoStat(ioStat: string | undefined): IoBytes | null {
  if (ioStat === undefined) return null;
  const sumOf = (key: string): number =>
    [...ioStat.matchAll(new RegExp(`\\b${key}=(\\d+)`, 'g'))].reduce((sum, [, bytes]) => sum + Number(bytes), 0);
  return { read: sumOf('rbytes'), written: sumOf('wbytes') };
}

function valueOf(text: string | undefined, key: string): number | null {
  return kernelNumber(new RegExp(`^${key} (\\d+)$`, 'm').exec(text ?? '')?.[1]);
}
