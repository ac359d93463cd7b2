import { describe, expect, it } from '@jest/globals';

import { eventually } from '#testing';

import { HostAddresses, normalAddress, type Resolution } from './host-addresses.js';
import { LOOKUPS_AT_ONCE_MAX } from './limits.js';
import { OwnMachine } from './own-machine.js';

const addresses = (...found: string[]): Resolution => ({ kind: 'found', addresses: found });

describe('HostAddresses', () => {
  it('looks up names and takes addresses as they are', async () => {
    const asked: string[] = [];
    const hosts = new HostAddresses((name) => {
      asked.push(name);
      return Promise.resolve([{ address: '10.0.0.1' }, { address: '10.0.0.1' }, { address: 'FD00:0::1' }]);
    });
    expect(await hosts.resolve('10.9.9.9')).toEqual(addresses('10.9.9.9'));
    expect(await hosts.resolve('2001:DB8:0::1')).toEqual(addresses('2001:db8::1'));
    expect(await hosts.resolve('a.lan')).toEqual(addresses('10.0.0.1', 'fd00::1'));
    expect(asked).toEqual(['a.lan']);
  });

  it('asks the system, which knows /etc/hosts and old spellings', async () => {
    const hosts = new HostAddresses();
    expect((await hosts.resolve('127.1')).kind).toBe('found');
    expect(await hosts.resolve('localhost')).toMatchObject({ kind: 'found' });
  });

  it('says why there is no address', async () => {
    const unknown = (name: string): Promise<Resolution> =>
      new HostAddresses(() =>
        name === 'none' ? Promise.resolve([]) : Promise.reject(new Error(`getaddrinfo ENOTFOUND ${name}`)),
      ).resolve(name);
    expect(await unknown('x.lan')).toEqual({ kind: 'unknown', reason: 'getaddrinfo ENOTFOUND x.lan' });
    expect(await unknown('none')).toMatchObject({ kind: 'unknown' });
  });

  it('gives up a resolver that hangs, and never asks it more than a few things at once', async () => {
    let running = 0;
    let runningMax = 0;
    let release: (() => void) | undefined;
    const released = new Promise<void>((resolve) => (release = resolve));
    const hosts = new HostAddresses(async () => {
      running += 1;
      runningMax = Math.max(runningMax, running);
      await released;
      running -= 1;
      return [{ address: '10.0.0.1' }];
    });
    const startedMs = performance.now();
    const found = await Promise.all(['a', 'b', 'c', 'd', '10.0.0.9'].map((name) => hosts.resolve(name)));
    expect(performance.now() - startedMs).toBeLessThan(2_500);
    expect(found.map((resolution) => (resolution.kind === 'found' ? 'found' : resolution.reason))).toEqual([
      'the resolver gave no answer within 2 s',
      'the resolver gave no answer within 2 s',
      'the resolver is busy with other names',
      'the resolver is busy with other names',
      'found',
    ]);
    expect(running).toBe(LOOKUPS_AT_ONCE_MAX);
    release?.();
    await eventually('the places are free', () => running === 0);
    expect(await hosts.resolve('e')).toEqual(addresses('10.0.0.1'));
    expect(runningMax).toBe(LOOKUPS_AT_ONCE_MAX);
  });
});

describe('normalAddress', () => {
  it.each([
    ['10.0.0.1', '10.0.0.1'],
    ['::FFFF:10.0.0.1', '10.0.0.1'],
    ['0:0:0:0:0:0:0:1', '::1'],
    ['2001:DB8::0:1', '2001:db8::1'],
    ['fe80::1%eth0', 'fe80::1%eth0'],
  ])('%s is %s', (address, expected) => expect(normalAddress(address)).toBe(expected));
});

describe('OwnMachine', () => {
  const own = new OwnMachine(['127.0.0.1', '10.0.0.5', '::1', 'FD00::5']);
  const self = ['127.0.0.1', '::1', '10.0.0.5', 'fd00::5'];

  it.each([
    ['loopback', ['127.0.0.1'], self],
    ['an address of an interface', ['10.0.0.5'], self],
    ['an IPv6 address of an interface', ['fd00::5'], self],
    ['any address', ['0.0.0.0'], self],
    ["Debian's own name", ['127.0.1.1'], self],
    ['one of several', ['10.9.9.9', '10.0.0.5'], self],
    ['another machine', ['10.0.0.6', '10.0.0.7'], ['10.0.0.6', '10.0.0.7']],
    ['another address of the loopback network', ['127.0.0.2'], ['127.0.0.2']],
  ])('dials %s', (_, found, expected) => expect(own.dialled(found)).toEqual(expected));

  it('knows this very machine', () => {
    expect(new OwnMachine().addresses.slice(0, 2)).toEqual(['127.0.0.1', '::1']);
  });
});
