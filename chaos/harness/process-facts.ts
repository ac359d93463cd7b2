import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** The state of an established connection in `/proc/net/tcp`. */
const ESTABLISHED = '01';
const PAGE_MB = 4096 / 1024 / 1024;

/** Descriptors that a process holds. */
export const descriptorsOf = (pid: number): number => readdirSync(`/proc/${pid}/fd`).length;

/** Resident memory of a process, in MiB. */
export function residentMbOf(pid: number): number {
  return Number(readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1]) * PAGE_MB;
}

interface Remote {
  readonly address: string;
  readonly port: number;
}

/** Established connections of a process to the port of this URL. */
export function connectionsTo(pid: number, url: string): number {
  const port = Number(new URL(url).port);
  return remotesOf(pid).filter((remote) => remote.port === port).length;
}

/** Established connections of a process with this IPv4 address. */
export const connectionsWith = (pid: number, address: string): number =>
  remotesOf(pid).filter((remote) => remote.address === address).length;

/** The far ends of the established TCP (IPv4) connections of a process, as its own network namespace has them. */
function remotesOf(pid: number): readonly Remote[] {
  const inodes = new Set(socketInodesOf(pid));
  const lines = readFileSync(`/proc/${pid}/net/tcp`, 'utf8').trim().split('\n').slice(1);
  return lines.flatMap((line) => {
    const [, , remote = '', state, , , , , , inode = ''] = line.trim().split(/\s+/);
    return state === ESTABLISHED && inodes.has(inode) ? [parseRemote(remote)] : [];
  });
}

/** Such as `020012C6:1E9B` for 198.18.0.2:7835: the bytes of the address stand the wrong way round. */
function parseRemote(text: string): Remote {
  const [address = '', port = ''] = text.split(':');
  const bytes = (address.match(/../g) ?? []).map((byte) => Number.parseInt(byte, 16));
  return { address: bytes.toReversed().join('.'), port: Number.parseInt(port, 16) };
}

function socketInodesOf(pid: number): readonly string[] {
  return readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
    try {
      return /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1] ?? [];
    } catch {
      // Closed since the folder was read.
      return [];
    }
  });
}
