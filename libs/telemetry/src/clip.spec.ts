import { describe, expect, it } from '@jest/globals';

import { clip, sentence } from './clip.js';

describe('clip', () => {
  it('cuts to the length that the wire takes, never through a character', () => {
    expect(clip('abc')).toBe('abc');
    expect(clip('x'.repeat(300))).toHaveLength(256);
    expect(clip('ab😀', 3)).toBe('ab');
    expect(clip('ab😀', 4)).toBe('ab😀');
  });
});

describe('sentence', () => {
  it('is one line of bounded length', () => {
    expect(sentence(new Error(' two\n\tlines '))).toBe('two lines');
    expect(sentence('word '.repeat(200))).toHaveLength(256);
  });
});
