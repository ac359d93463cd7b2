import { describe, expect, it } from '@jest/globals';

import { EventMeter } from './event-meter.js';

/** Whether a stream, cut into chunks of this size, holds an event of more than 20 bytes. */
function exceeds(text: string, chunkSize: number): boolean {
  const meter = new EventMeter(20);
  const bytes = Buffer.from(text);
  for (let start = 0; start < bytes.length; start += chunkSize) {
    if (meter.isExceededBy(bytes.subarray(start, start + chunkSize))) return true;
  }
  return false;
}

describe('EventMeter', () => {
  it.each([1, 2, 3, 7, 1000])('counts from blank line to blank line, in chunks of %i bytes', (chunkSize) => {
    const small = 'data: 0123456789\n\n'.repeat(50);
    expect(exceeds(small, chunkSize)).toBe(false);
    expect(exceeds(small.replaceAll('\n', '\r\n'), chunkSize)).toBe(false);
    expect(exceeds(':\n\n'.repeat(100), chunkSize)).toBe(false);
    expect(exceeds(`${small}data: 0123456789012345\n\n`, chunkSize)).toBe(true);
    expect(exceeds(`${small}data: 012345678\ndata: 9\n\n`, chunkSize)).toBe(true);
    expect(exceeds('x'.repeat(21), chunkSize)).toBe(true);
    expect(exceeds('x\n'.repeat(11), chunkSize)).toBe(true);
    expect(exceeds(`\n\n\n${small}`, chunkSize)).toBe(false);
  });
});
