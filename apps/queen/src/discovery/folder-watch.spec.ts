import { renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';

import { eventually, TempTree } from '#testing';

import { FolderWatch } from './folder-watch.js';
import { readSshConfig } from './ssh-config-files.js';

describe('FolderWatch, on what a configuration is read from', () => {
  let tree: TempTree;
  let watch: FolderWatch;
  let changes: number;

  beforeEach(() => {
    tree = new TempTree({ 'ssh/config': 'Include d/*.conf', 'ssh/d/a.conf': 'Host a' });
    watch = new FolderWatch();
    changes = 0;
    watch.changes$.subscribe(() => (changes += 1));
  });

  afterEach(() => {
    watch[Symbol.dispose]();
    tree[Symbol.dispose]();
  });

  const at = (path: string): string => join(tree.root, path);
  const follow = async (path = 'ssh/config'): Promise<boolean> =>
    watch.follow((await readSshConfig(at(path))).interests);
  const noticed = (what: string) => eventually(what, () => changes > 0);

  it.each([
    ['a write', () => writeFileSync(at('ssh/config'), 'Host b')],
    [
      'an atomic rename',
      () => {
        writeFileSync(at('ssh/config.new'), 'Host b');
        renameSync(at('ssh/config.new'), at('ssh/config'));
      },
    ],
    ['a removal', () => tree.remove('ssh/config')],
    ['a change of an included file', () => writeFileSync(at('ssh/d/a.conf'), 'Host c')],
    ['a new file that a glob finds', () => writeFileSync(at('ssh/d/new.conf'), 'Host c')],
    ['a removed folder', () => tree.remove('ssh/d')],
  ])('notices %s', async (what, change) => {
    await follow();
    change();
    await noticed(what);
  });

  it('notices folders that come to be, one after the other', async () => {
    await follow('home/.ssh/config');
    tree.write({ 'home/': '' });
    await noticed('home');
    changes = 0;
    await follow('home/.ssh/config');
    tree.write({ 'home/.ssh/config': 'Host a' });
    await noticed('.ssh');
    changes = 0;
    await follow('home/.ssh/config');
    tree.write({ 'home/.ssh/config': 'Host b' });
    await noticed('config');
  });

  it('notices changes where a link leads', async () => {
    symlinkSync(at('ssh/config'), at('link'));
    await follow('link');
    writeFileSync(at('ssh/config'), 'Host b');
    await noticed('the target');
  });

  it('goes on watching a folder that was replaced', async () => {
    await follow();
    tree.remove('ssh');
    await noticed('the removal');
    tree.write({ 'ssh/config': 'Host a' });
    await follow();
    await delay(50);
    changes = 0;
    tree.write({ 'ssh/config': 'Host b' });
    await noticed('a change in the new folder');
  });

  it('does not care for other files, nor for anything once it is disposed', async () => {
    await follow();
    tree.write({ 'ssh/known_hosts': 'x', 'ssh/d/x.txt': 'x', other: 'x' });
    await delay(100);
    expect(changes).toBe(0);
    watch[Symbol.dispose]();
    tree.write({ 'ssh/config': 'Host b' });
    await follow();
    tree.write({ 'ssh/config': 'Host c' });
    await delay(100);
    expect(changes).toBe(0);
  });
});
