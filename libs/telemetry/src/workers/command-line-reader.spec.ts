import { execFileSync } from 'node:child_process';
import { closeSync, openSync, writeSync } from 'node:fs';

import { describe, expect, it } from '@jest/globals';

import { eventually, TempTree } from '#testing';

import { CommandLineReader } from './command-line-reader.js';

/** A command line that never comes: reading it blocks as the memory lock of a hung process does. */
class Stuck implements Disposable {
  private readonly file: number;

  constructor(tree: TempTree, pid: number) {
    tree.write({ [`${pid}/`]: '' });
    execFileSync('mkfifo', [`${tree.root}/${pid}/cmdline`]);
    this.file = openSync(`${tree.root}/${pid}/cmdline`, 'r+');
  }

  [Symbol.dispose](): void {
    writeSync(this.file, 'late\0');
    closeSync(this.file);
  }
}

describe('CommandLineReader', () => {
  it('reads one after the other, whoever asks meanwhile', async () => {
    using tree = new TempTree({ '7/cmdline': 'a\0b\0', '8/cmdline': 'c\0', '9/cmdline': '' });
    const reader = new CommandLineReader(tree.root);
    const lines = await Promise.all([7, 8, 9, 10].map((pid) => reader.words(pid)));
    expect(lines).toEqual([['a', 'b'], ['c'], [], null]);
  });

  it('leaves at most two behind that never come, and goes on once one does', async () => {
    using tree = new TempTree({ '7/cmdline': 'a\0' });
    const reader = new CommandLineReader(tree.root);
    {
      using _first = new Stuck(tree, 1);
      expect(await reader.words(1)).toBeNull();
      expect(await reader.words(7)).toEqual(['a']);
      using _second = new Stuck(tree, 2);
      expect(await reader.words(2)).toBeNull();
      expect(await reader.words(7)).toBeNull();
    }
    await eventually('it reads again', async () => (await reader.words(7)) !== null);
  });
});
