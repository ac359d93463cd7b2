import { kernelNumber } from '../kernel-files.js';
import type { IoBytes } from './cgroup-files.js';

const OWN = /^RssAnon:\s+(\d+) kB$/m;
const SHARED = /^RssShmem:\s+(\d+) kB$/m;
const READ = /^read_bytes: (\d+)$/m;
const WRITTEN = /^write_bytes: (\d+)$/m;

/**
 * What a process holds of RAM by `/proc/{pid}/status`, in bytes: its own pages and shared memory, not the files that
 * it has mapped (a mapped model is file cache). Shared memory counts for every process that uses it, so the sum over
 * a worker is at most too high.
 */
export function parseProcessMemoryBytes(status: string): number | null {
  const [own, shared] = [kernelNumber(OWN.exec(status)?.[1]), kernelNumber(SHARED.exec(status)?.[1])];
  return own === null || shared === null ? null : (own + shared) * 1024;
}

/** What a process moved to and from disks, by `/proc/{pid}/io`. */
export function parseProcessIo(io: string): IoBytes | null {
  const [read, written] = [kernelNumber(READ.exec(io)?.[1]), kernelNumber(WRITTEN.exec(io)?.[1])];
  return read === null || written === null ? null : { read, written };
}
