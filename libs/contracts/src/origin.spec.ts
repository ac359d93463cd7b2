import { describe, expect, it } from '@jest/globals';

import { originFault, parseOrigin } from './origin.js';

describe('origin', () => {
  it.each([
    ['http://gpu-a:7835', 'http://gpu-a:7835'],
    ['HTTP://GPU-A:7835/', 'http://gpu-a:7835'],
    ['http://10.0.0.5:80', 'http://10.0.0.5'],
    ['https://[fd00::1]:7835', 'https://[fd00::1]:7835'],
    // Other spellings of an address mean what they resolve to.
    ['http://0x7f000001:7835', 'http://127.0.0.1:7835'],
  ])('%s is %s', (value, normal) => {
    expect(parseOrigin(value, 'hive_url')).toBe(normal);
  });

  it.each([
    [undefined, 'is missing'],
    [null, 'is missing'],
    [7, 'must be a string'],
    [['http://a'], 'must be a string'],
    ['', 'is empty'],
    [`http://${'a'.repeat(2048)}`, 'is longer than 2048 characters'],
    ['http://a:0', 'names port 0, which nothing can be dialled at'],
    ['http://a:6667', 'names port 6667, which HTTP clients refuse to dial'],
  ])('refuses %p: %s', (value, fault) => {
    expect(originFault(value)).toBe(fault);
  });

  it.each([
    'zzz',
    'localhost:7835',
    '//a:7835',
    'ftp://a',
    'file:///etc/passwd',
    'javascript:alert(1)',
    'http://',
    'http:a',
    'http:///a',
    'http://user:pw@a',
    'http://user@a',
    'http://a/path',
    'http://a//',
    'http://a?q',
    'http://a/?q=1',
    'http://a#f',
    'http://a\\b',
    'http://a b',
    ' http://a',
    'http://a\n',
    'http://a:99999',
    'http://[::1',
  ])('refuses %p: not an origin', (value) => {
    expect(originFault(value)).toMatch(/^must be an absolute http\(s\):\/\/host\[:port\]/);
  });
});
