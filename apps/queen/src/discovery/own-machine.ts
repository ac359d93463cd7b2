import { networkInterfaces } from 'node:os';

import { normalAddress } from './host-addresses.js';
import { ADDRESSES_MAX } from './limits.js';

/** This machine to itself, wherever a hive on it listens. */
const LOOPBACK = ['127.0.0.1', '::1'];
/** They mean this machine although no interface has them: "any", and Debian's address for its own host name. */
const ALIASES = ['0.0.0.0', '::', '127.0.1.1'];

/** The addresses of the queen's own machine, as they are now. */
export class OwnMachine {
  /** Where a hive on this machine may listen, in the order of trying; the first one stands for the machine. */
  readonly addresses: readonly string[];
  private readonly all: ReadonlySet<string>;

  constructor(interfaceAddresses: readonly string[] = currentAddresses()) {
    const outer = interfaceAddresses.map(normalAddress).filter((address) => !LOOPBACK.includes(address));
    this.all = new Set([...LOOPBACK, ...ALIASES, ...outer]);
    this.addresses = [...LOOPBACK, ...outer].slice(0, ADDRESSES_MAX);
  }

  /**
   * Where to dial a host: its own addresses, or those of this machine if it turns out to be this machine, so that all
   * its names are one host. Other addresses of 127.0.0.0/8 are not among them: whoever names 127.0.0.2 means it.
   */
  dialled(addresses: readonly string[]): readonly string[] {
    return addresses.some((address) => this.all.has(address)) ? this.addresses : addresses;
  }
}

/** Those with a zone, as every link-local IPv6 address needs one, can't be part of a URL. */
const currentAddresses = (): readonly string[] =>
  Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .flatMap(({ address }) => (address.startsWith('fe80:') ? [] : [address]));
