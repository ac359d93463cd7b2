import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';

import { TempTree } from '#testing';

import { libraryIsThere } from './find-library.js';

const NAME = 'libmade-up-for-apiary.so.1';

describe('libraryIsThere', () => {
  let tree: TempTree;

  beforeEach(() => {
    tree = new TempTree();
  });
  afterEach(() => tree[Symbol.dispose]());

  const look = (library: string, libraryPath = ''): boolean =>
    libraryIsThere(library, libraryPath, `${tree.root}/ld.so.cache`);

  it('looks a path up as it is', () => {
    tree.write({ [NAME]: '' });
    expect(look(`${tree.root}/${NAME}`)).toBe(true);
    expect(look(`${tree.root}/${NAME}0`)).toBe(false);
  });

  it('finds what the linker has in its list, by its whole name', () => {
    expect(look(NAME)).toBe(false);
    tree.write({ 'ld.so.cache': `glibc-ld.so.cache1.1\0${NAME}\0/usr/lib/${NAME}\0` });
    expect(look(NAME)).toBe(true);
    expect(look(NAME.slice(0, -2))).toBe(false);
  });

  it('finds what is in one of the folders of LD_LIBRARY_PATH', () => {
    tree.write({ [`lib/${NAME}`]: '' });
    expect(look(NAME, `/nowhere::${tree.root}/lib`)).toBe(true);
  });

  it('finds a library of this system', () => {
    expect(['libc.so.6', 'libc.so'].some((library) => libraryIsThere(library, ''))).toBe(true);
  });
});
