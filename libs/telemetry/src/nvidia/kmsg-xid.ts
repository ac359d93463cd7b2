import { closeSync, constants, openSync, readSync } from 'node:fs';

import { pciAddress } from '../gpu-order.js';

/** A record of the kernel's log is at most this long, in bytes. */
const RECORD_BYTES_MAX = 8192;
/** So many records are read at once: what has gathered since boot is caught up with over several readings. */
const RECORDS_PER_READ_MAX = 500;
/** "NVRM: Xid (PCI:0000:0a:00): 79, pid=1234, …": a card is named without its function, which is 0. */
const XID = /NVRM: Xid \((?:PCI:)?([\da-f]{4,8}:[\da-f]{2}:[\da-f]{2})(?:\.0)?\): (\d+)/gi;

/**
 * The Xid errors in the kernel's log, where this process may read it. Opened once, without blocking: what has come
 * since is read with each look.
 */
export class KmsgXid implements Disposable {
  private file: number | undefined;
  private readonly buffer = Buffer.alloc(RECORD_BYTES_MAX);
  private rest = '';
  private readonly last = new Map<string, number>();

  /** `path` is usually `/dev/kmsg`. A log that is missing or forbidden tells nothing. */
  constructor(path: string) {
    try {
      this.file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    } catch {
      this.file = undefined;
    }
  }

  /** The number of the last Xid of each card, by PCI address, over all that was read so far. */
  read(): ReadonlyMap<string, number> {
    for (let records = 0; records < RECORDS_PER_READ_MAX; records++) {
      const text = this.record();
      if (text === '') break;
      if (text !== undefined) this.take(text);
    }
    return this.last;
  }

  [Symbol.dispose](): void {
    if (this.file !== undefined) closeSync(this.file);
    this.file = undefined;
  }

  /** One record; empty where there is no more, undefined for one that the kernel has overwritten meanwhile. */
  private record(): string | undefined {
    if (this.file === undefined) return '';
    try {
      return this.buffer.toString('utf8', 0, readSync(this.file, this.buffer));
    } catch (error) {
      return (error as NodeJS.ErrnoException).code === 'EPIPE' ? undefined : '';
    }
  }

  private take(text: string): void {
    const lines = (this.rest + text).split('\n');
    this.rest = (lines.pop() ?? '').slice(-RECORD_BYTES_MAX);
    for (const [, card, xid] of lines.join('\n').matchAll(XID)) {
      const address = pciAddress(`${card ?? ''}.0`);
      if (address !== null) this.last.set(address, Number(xid));
    }
  }
}
