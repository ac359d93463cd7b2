import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';

import { describeError } from '#contracts';

import { ADDRESSES_MAX, LOOKUP_MS, LOOKUPS_AT_ONCE_MAX } from './limits.js';

/** Where a host is: never empty, the first address stands for it. Or why that is not known. */
export type Resolution =
  | { readonly kind: 'found'; readonly addresses: readonly string[] }
  | { readonly kind: 'unknown'; readonly reason: string };

/** The system's own resolver, so that `/etc/hosts` and the like count; a test brings its own. */
export type Lookup = (hostName: string) => Promise<readonly { readonly address: string }[]>;

const systemLookup: Lookup = (hostName) => lookup(hostName, { all: true });

/** Whether a host is an address already, so that nothing has to be looked up. */
export const isNumeric = (hostName: string): boolean => isIP(hostName) !== 0;

interface Job {
  readonly hostName: string;
  readonly settle: (resolution: Resolution) => void;
}

/**
 * Turns names into addresses. Node looks names up on the few threads that files need as well, and a lookup can't be
 * called off: so few go on at once, and one that takes too long keeps its place until it ends by itself.
 */
export class HostAddresses {
  private running = 0;
  private readonly waiting = new Set<Job>();

  constructor(private readonly lookup: Lookup = systemLookup) {}

  /** The addresses of a host, in order of preference. Never rejects, and never takes longer than `LOOKUP_MS`. */
  resolve(hostName: string): Promise<Resolution> {
    if (isNumeric(hostName)) return Promise.resolve(found([hostName]));
    return new Promise((resolve) => {
      const job: Job = {
        hostName,
        settle: (resolution) => {
          clearTimeout(deadline);
          resolve(resolution);
        },
      };
      const deadline = setTimeout(() => this.giveUp(job), LOOKUP_MS);
      this.waiting.add(job);
      this.startNext();
    });
  }

  private giveUp(job: Job): void {
    const why = this.waiting.delete(job) ? 'is busy with other names' : `gave no answer within ${LOOKUP_MS / 1000} s`;
    job.settle(unknown(`the resolver ${why}`));
  }

  private startNext(): void {
    for (const job of this.waiting) {
      if (this.running >= LOOKUPS_AT_ONCE_MAX) return;
      this.waiting.delete(job);
      this.running += 1;
      void this.look(job);
    }
  }

  private async look({ hostName, settle }: Job): Promise<void> {
    try {
      const addresses = (await this.lookup(hostName)).map(({ address }) => address);
      const dialable = addresses.filter((address) => !address.includes('%'));
      settle(dialable.length === 0 ? unknown('its name has no address that a URL can hold') : found(dialable));
    } catch (error) {
      settle(unknown(describeError(error)));
    } finally {
      this.running -= 1;
      this.startNext();
    }
  }
}

const unknown = (reason: string): Resolution => ({ kind: 'unknown', reason });

const found = (addresses: readonly string[]): Resolution => ({
  kind: 'found',
  addresses: [...new Set(addresses.map(normalAddress))].slice(0, ADDRESSES_MAX),
});

/** One spelling for each address: that of a URL for IPv6, and IPv4 for an IPv4 address that is mapped into IPv6. */
export function normalAddress(address: string): string {
  if (!URL.canParse(`http://[${address}]`)) return address;
  const spelled = new URL(`http://[${address}]`).hostname.slice(1, -1);
  const mapped = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(spelled);
  if (mapped === null) return spelled;
  const [high, low] = [parseInt(mapped[1] ?? '', 16), parseInt(mapped[2] ?? '', 16)];
  return [high >> 8, high & 255, low >> 8, low & 255].join('.');
}
