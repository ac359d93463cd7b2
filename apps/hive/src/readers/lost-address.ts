import { networkInterfaces } from 'node:os';

import { filter, interval, map, NEVER, type Observable, type SchedulerLike, take } from 'rxjs';

/** How often the addresses of this machine are looked at, in ms. */
const LOOK_MS = 2_000;
/** Before IPv4 addresses on a socket that takes IPv6 too. */
const MAPPED = /^::ffff:/i;

/**
 * Fires once when this machine loses the address that a connection was made to, as after a new lease or another network.
 * Nothing comes through such a connection any more, yet TCP goes on trying for a quarter of an hour.
 */
export function lostAddress(
  address: string | undefined,
  scheduler: SchedulerLike,
  own: () => ReadonlySet<string> = ownAddresses,
): Observable<void> {
  const plain = address?.replace(MAPPED, '');
  // An address that is not recognized is none that could be missed.
  if (plain === undefined || !own().has(plain)) return NEVER;
  return interval(LOOK_MS, scheduler).pipe(
    filter(() => !own().has(plain)),
    take(1),
    map(() => undefined),
  );
}

const ownAddresses = (): ReadonlySet<string> =>
  new Set(Object.values(networkInterfaces()).flatMap((all) => (all ?? []).map(({ address }) => address)));
