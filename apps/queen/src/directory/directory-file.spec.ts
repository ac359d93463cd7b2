import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { describe, expect, it } from '@jest/globals';

import { decodeDirectory, type RememberedHive } from '#contracts';
import { TempTree } from '#testing';

import { DirectoryFile } from './directory-file.js';

const hive = (index: number): RememberedHive => ({
  hive_id: `hive-${index}`,
  hive_url: `http://127.0.0.1:${10_000 + index}`,
  boot_id: 'boot',
  version: '0.1.0',
  interval_ms: 1000,
});

const never = (sentence: string): void => {
  throw new Error(`no fault was expected: ${sentence}`);
};

describe('DirectoryFile', () => {
  it('gives back what was written last, and leaves nothing else behind', async () => {
    using tree = new TempTree();
    const file = new DirectoryFile(join(tree.root, 'made', 'by', 'it'), never);
    expect(await file.read()).toEqual([]);
    for (let count = 1; count <= 50; count++) file.write(Array.from({ length: count }, (_, index) => hive(index)));
    await file.flush();
    expect(await file.read()).toHaveLength(50);
    expect(readdirSync(join(tree.root, 'made', 'by', 'it'))).toEqual(['queen-state.json']);
  });

  it.each([
    ['nothing', ''],
    ['half of it', '{"schema":1,"hives":[{"hive_id":"a"'],
    ['another schema', '{"schema":2,"hives":[]}'],
    ['no list', '{"schema":1,"hives":{}}'],
    ['a hostile URL', JSON.stringify({ schema: 1, hives: [{ ...hive(1), hive_url: 'file:///etc/passwd' }] })],
    ['a binary', '\u0000\u0001\u0002'],
  ])('says what is wrong with a file that holds %s', async (_, text) => {
    using tree = new TempTree({ 'queen-state.json': text });
    const file = new DirectoryFile(tree.root, never);
    await expect(file.read()).rejects.toMatchObject({ message: expect.stringContaining(`${file.path} is ignored: `) });
  });

  it('goes on where nothing can be written, and writes again once it can', async () => {
    using tree = new TempTree({ 'not-a-folder': '' });
    const faults: string[] = [];
    const blocked = new DirectoryFile(join(tree.root, 'not-a-folder', 'x'), (sentence) => void faults.push(sentence));
    blocked.write([hive(1)]);
    await blocked.flush();
    expect(faults).toEqual([expect.stringContaining("can't be written")]);
    tree.remove('not-a-folder');
    blocked.write([hive(1), hive(2)]);
    await blocked.flush();
    expect(await blocked.read()).toHaveLength(2);
  });

  it('sweeps away what killed writers left behind, and nothing else', async () => {
    const gone = spawn(process.execPath, ['--version'], { stdio: 'ignore' });
    await once(gone, 'exit');
    const kept = ['queen-state.json', `queen-state.json.${process.pid}.draft`, 'queen-state.json.x.draft', 'other'];
    const names = [...kept, `queen-state.json.${gone.pid}.draft`];
    using tree = new TempTree(Object.fromEntries(names.map((name) => [name, ''])));
    await new DirectoryFile(tree.root, never).sweep();
    expect(readdirSync(tree.root).sort()).toEqual(kept.sort());
    await new DirectoryFile(join(tree.root, 'missing'), never).sweep();
  });

  it('is whole whenever the process is killed: a hundred times in the middle of writing', async () => {
    using tree = new TempTree();
    const file = new DirectoryFile(tree.root, never);
    const build = new URL('../../../../dist/apps/queen/src/directory/directory-file.js', import.meta.url).href;
    if (!existsSync(new URL(build))) throw new Error('run "npm run build" first');
    const program = `
      const { DirectoryFile } = await import(${JSON.stringify(build)});
      const file = new DirectoryFile(${JSON.stringify(tree.root)}, console.error);
      for (let count = 1; ; count = (count % 400) + 1) {
        const hives = Array.from({ length: count }, (_, index) => ({ hive_id: 'hive-' + index,
          hive_url: 'http://127.0.0.1:' + (10000 + index), boot_id: 'boot', version: '0.1.0', interval_ms: 1000 }));
        file.write(hives);
        await file.flush();
        console.log(count);
      }`;
    writeFileSync(join(tree.root, 'writer.mjs'), program);
    for (let round = 0; round < 100; round++) {
      const writer = spawn(process.execPath, [join(tree.root, 'writer.mjs')], { stdio: ['ignore', 'pipe', 'inherit'] });
      let written = '';
      writer.stdout.setEncoding('utf8').on('data', (text: string) => (written += text));
      await once(writer.stdout, 'data');
      await new Promise((resolve) => setTimeout(resolve, round % 7));
      writer.kill('SIGKILL');
      await once(writer, 'close');
      const confirmed = Number(written.trim().split('\n').at(-1));
      const held = decodeDirectory(readFileSync(file.path, 'utf8')).length;
      // What was confirmed is there; what was being written may be there already.
      expect([confirmed, (confirmed % 400) + 1]).toContain(held);
    }
  }, 60_000);
});
