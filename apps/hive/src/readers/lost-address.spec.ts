import { describe, expect, it } from '@jest/globals';

import { ManualClock } from '#testing';

import { lostAddress } from './lost-address.js';

describe('lostAddress', () => {
  const watch = (address: string | undefined, own: Set<string>) => {
    const clock = new ManualClock();
    let fired = 0;
    const subscription = lostAddress(address, clock.scheduler, () => own).subscribe(() => (fired += 1));
    return { clock, subscription, fired: () => fired };
  };

  it('fires once when the address is gone', () => {
    const own = new Set(['10.0.0.1', '127.0.0.1']);
    const { clock, subscription, fired } = watch('::ffff:10.0.0.1', own);
    clock.advance(10_000);
    expect(fired()).toBe(0);
    own.delete('10.0.0.1');
    clock.advance(2_000);
    expect(fired()).toBe(1);
    expect(subscription.closed).toBe(true);
  });

  it.each([undefined, 'fe80::1%eth0'])('never fires for %s, which is not listed', (address) => {
    const { clock, fired } = watch(address, new Set(['10.0.0.1']));
    clock.advance(10_000);
    expect(fired()).toBe(0);
  });
});
