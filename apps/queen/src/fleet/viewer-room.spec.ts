import { describe, expect, it } from '@jest/globals';

import { TempTree } from '#testing';

import { openFilesMax, viewerRoom } from './viewer-room.js';

describe('viewerRoom', () => {
  it('keeps a quarter of the descriptors for hives', () => {
    expect(viewerRoom(10_000, 20_000)).toEqual({ viewers: 10_000, shortage: undefined });
    expect(viewerRoom(10_000, Number.POSITIVE_INFINITY).viewers).toBe(10_000);
    expect(viewerRoom(10_000, 1024)).toEqual({
      viewers: 720,
      shortage:
        'this process may open 1024 files, so at most 720 viewers are served, not 10000: ' +
        'raise `ulimit -n` or lower --max-viewers',
    });
    expect(viewerRoom(10_000, 0).viewers).toBe(1);
  });
});

describe('openFilesMax', () => {
  it('reads the soft limit; none where there is none', () => {
    using tree = new TempTree({
      limits: 'Limit    Soft Limit   Hard Limit   Units\nMax open files            1024      4096      files     \n',
      unlimited: 'Max open files            unlimited      unlimited      files     \n',
    });
    expect(openFilesMax(`${tree.root}/limits`)).toBe(1024);
    expect(openFilesMax(`${tree.root}/unlimited`)).toBe(Number.POSITIVE_INFINITY);
    expect(openFilesMax(`${tree.root}/missing`)).toBe(Number.POSITIVE_INFINITY);
  });
});
