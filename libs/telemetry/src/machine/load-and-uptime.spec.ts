import { describe, expect, it } from '@jest/globals';

import { parseLoadAvg } from './load.monitor.js';
import { parseUptime } from './uptime.monitor.js';

describe('parseLoadAvg', () => {
  it('takes the average of one minute', () => {
    expect(parseLoadAvg('0.52 0.58 0.59 1/389 12345\n')).toBe(0.52);
  });

  it.each(['', 'x 1 2', '-'])('does not know it from %j', (text) => {
    expect(parseLoadAvg(text)).toBeNull();
  });
});

describe('parseUptime', () => {
  it('takes the first number', () => {
    expect(parseUptime('350735.47 234388.90\n')).toBe(350735.47);
  });

  it('is unknown where the file is empty', () => {
    expect(parseUptime('')).toBeNull();
  });
});
