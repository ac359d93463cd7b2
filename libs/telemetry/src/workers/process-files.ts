import { kernelNumber } from '../kernel-files.js';
import type { IoBytes } from './cgroup-files.js';

/**
 * What a process holds of RAM by `/proc/{pid}/status`, in bytes: its own pages and shared memory, not the files that
 * it has mapped (a mapped model is file cache). Shared memory counts for every process that uses it, so the sum over
 * a worker is at most too high.
 */
export function parseProcessMemoryBytes(status: string): number | null {
  const kib = (key: string): number | null => kernelNumber(new RegExp(`^${key}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1]);
  const [own, shared] = [kib('RssAnon'), kib('RssShmem')];
  return own === null || shared === null ? null : (own + shared) * 1024;
}

/** What a process moved to and from disks, by `/proc/{pid}/io`. */
export function parseProcessIo(io: string): IoBytes | null {
  const bytes = (key: string): number | null => kernelNumber(new RegExp(`^${key}: (\\d+)$`, 'm').exec(io)?.[1]);
  const [read, written] = [bytes('read_bytes'), bytes('write_bytes')];
  return read === null || written === null ? null : { read, written };
}
