import { describe, expect, it } from '@jest/globals';

import { isLoopback, sourceAddressTowards, urlTowards } from './route.js';

describe('route', () => {
  it.each([
    ['127.0.0.1', true],
    ['127.3.2.1', true],
    ['localhost', true],
    ['::1', true],
    ['[::1]', true],
    ['10.0.0.1', false],
    ['0.0.0.0', false],
    ['127.example', false],
  ])('%s: loopback is %s', (host, expected) => {
    expect(isLoopback(host)).toBe(expected);
  });

  it('finds the source address of a route', async () => {
    expect(await sourceAddressTowards('http://127.0.0.1:7833')).toBe('127.0.0.1');
    expect(await sourceAddressTowards('http://127.0.0.9')).toBe('127.0.0.1');
  });

  it('finds none for a name that does not exist', async () => {
    expect(await sourceAddressTowards('http://no-such-host.invalid:7833')).toBeUndefined();
  });

  it('prefers the address bound to, then the route, then any address that others may reach', async () => {
    expect(await urlTowards('http://127.0.0.1:1', { host: '10.1.2.3', port: 7835 })).toMatchObject({
      url: 'http://10.1.2.3:7835',
    });
    expect(await urlTowards('http://127.0.0.1:1', { host: '0.0.0.0', port: 7835 })).toMatchObject({
      url: 'http://127.0.0.1:7835',
    });
    const { url } = await urlTowards('http://no-such-host.invalid', { host: '::', port: 7835 });
    expect(url).toMatch(/^http:\/\/(?!0\.0\.0\.0|\[::\]).+:7835$/);
  });
});
