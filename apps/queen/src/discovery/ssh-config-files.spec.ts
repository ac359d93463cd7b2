import { execFileSync } from 'node:child_process';
import { chmodSync, symlinkSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';

import { TempTree } from '#testing';

import { CONFIG_BYTES_MAX, FILE_BYTES_MAX, FILES_MAX, WARNINGS_MAX } from './limits.js';
import { readSshConfig } from './ssh-config-files.js';
import { sshAliases, sshHost } from './ssh-hosts.js';

describe('readSshConfig', () => {
  let tree: TempTree;

  beforeEach(() => {
    tree = new TempTree();
  });

  afterEach(() => tree[Symbol.dispose]());

  const at = (path: string): string => join(tree.root, path);

  /** The configuration, with paths below the tree. */
  const read = async (path = 'config') => {
    const { interests, ...config } = await readSshConfig(at(path));
    const within = (texts: readonly string[]): readonly string[] =>
      texts.map((text) => text.replaceAll(`${tree.root}/`, ''));
    return {
      ...config,
      files: within(config.files),
      warnings: within(config.warnings),
      hosts: [...sshAliases(config.root)].map(({ alias }) => `${alias}=${sshHost(config.root, alias, 'me').hostName}`),
      watched: (file: string) => interests.some(({ folder, matches }) => matchesPath(at(file), folder, matches)),
    };
  };

  const matchesPath = (path: string, folder: string, matches: (name: string) => boolean): boolean =>
    path.startsWith(`${folder}/`) && matches(path.slice(folder.length + 1));

  it('has no file', async () => {
    const config = await read('no/such/config');
    expect(config).toMatchObject({ status: 'none', files: [], warnings: [], hosts: [] });
    expect(config.watched('no/such/config')).toBe(true);
  });

  it('follows includes, relative ones from the folder of the first file', async () => {
    tree.write({
      config: 'Include d/one d/*.conf\nHost last',
      'd/one': 'Include d/two\nHost one',
      'd/two': 'Host two\n HostName 10.0.0.2',
      'd/b.conf': 'Host b',
      'd/a.conf': 'Host a',
    });
    const config = await read();
    expect(config).toMatchObject({
      status: 'ok',
      files: ['config', 'd/one', 'd/two', 'd/a.conf', 'd/b.conf'],
      warnings: [],
      hosts: ['two=10.0.0.2', 'one=one', 'a=a', 'b=b', 'last=last'],
    });
    for (const path of ['config', 'd/one', 'd/two', 'd/a.conf', 'd/new.conf']) expect(config.watched(path)).toBe(true);
    for (const path of ['other', 'd/other', 'd/.x.conf']) expect(config.watched(path)).toBe(false);
  });

  it('finds the home folder, and no other', async () => {
    tree.write({ config: 'Include ~/no-such-file-of-apiary\nInclude ~nobody/config' });
    const { interests, warnings } = await readSshConfig(at('config'));
    expect(interests.some(({ folder, matches }) => folder === homedir() && matches('no-such-file-of-apiary'))).toBe(
      true,
    );
    expect(warnings.join()).toMatch(/home of another user/);
  });

  it('says what is missing and goes on', async () => {
    tree.write({ config: 'Include no no/*.conf\nHost a' });
    expect(await read()).toMatchObject({
      warnings: ['config:1: Include no: there is no such file'],
      hosts: ['a=a'],
    });
  });

  it('does not follow a file into itself, by whatever name', async () => {
    tree.write({ config: 'Include config\nInclude b\nHost a', b: 'Host b\nInclude link' });
    symlinkSync(at('config'), at('link'));
    const { warnings, hosts } = await read();
    expect(warnings).toEqual([
      'config:1: Include config: config includes itself',
      'b:2: Include link: link includes itself',
    ]);
    expect(hosts).toEqual(['b=b', 'a=a']);
  });

  it('reads a file twice where it is included twice', async () => {
    tree.write({ config: 'Host a\n Include x\nHost b\n Include x', x: 'HostName y' });
    expect(await read()).toMatchObject({ files: ['config', 'x'], hosts: ['a=y', 'b=y'], warnings: [] });
  });

  it('goes 16 levels deep', async () => {
    for (let level = 0; level < 18; level++) tree.write({ [`f${level}`]: `Host h${level}\nInclude f${level + 1}` });
    const { hosts, warnings } = await read('f0');
    expect(hosts).toHaveLength(17);
    expect(warnings).toEqual(['f16:2: Include f17: nested more than 16 deep']);
  });

  it('ends with files that include each other many times', async () => {
    for (let level = 0; level < 15; level++) {
      const next = `Include f${level + 1}\n`;
      tree.write({ [`f${level}`]: `Host h${level}\n${next.repeat(4)}` });
    }
    const { root, warnings } = await read('f0');
    expect(warnings.length).toBeLessThanOrEqual(WARNINGS_MAX);
    expect(warnings.join()).toContain(`after ${FILES_MAX}`);
    expect(JSON.stringify(root).length).toBeLessThan(1_000_000);
  });

  it.each(['config', 'd/included'])('never opens or waits for what is no file: %s', async (path) => {
    tree.write({ 'd/': '', config: 'Include d/included /dev/zero /dev/tty .\nHost a' });
    tree.remove(path);
    execFileSync('mkfifo', [at(path)]);
    const { status, warnings } = await read();
    expect(status).toBe(path === 'config' ? 'unreadable' : 'ok');
    expect(warnings.filter((warning) => warning.includes('not a regular file'))).toHaveLength(
      path === 'config' ? 1 : 4,
    );
  });

  it('reads files that lie about their size, up to the limit', async () => {
    tree.write({ config: 'Include /proc/self/status\nHost a' });
    expect(await read()).toMatchObject({ files: ['config', '/proc/self/status'], hosts: ['a=a'] });
  });

  const asRoot = process.getuid?.() === 0;
  (asRoot ? it.skip : it)('says what it may not read', async () => {
    tree.write({ config: 'Host a' });
    chmodSync(at('config'), 0);
    expect(await read()).toMatchObject({ status: 'unreadable', hosts: [] });
  });

  it('says what can not be opened', async () => {
    symlinkSync('config', at('config'));
    const { status, warnings } = await read();
    expect(status).toBe('unreadable');
    expect(warnings.join()).toContain('ELOOP');
  });

  it('refuses a file of 10 MB at once', async () => {
    tree.write({ config: 'Include big\nHost a', big: 'Host b\n'.repeat(1_500_000) });
    const startedMs = performance.now();
    const { warnings, hosts } = await read();
    expect(performance.now() - startedMs).toBeLessThan(500);
    expect(warnings).toEqual([`config:1: Include big: big: it is larger than ${FILE_BYTES_MAX} bytes`]);
    expect(hosts).toEqual(['a=a']);
    expect(await read('big')).toMatchObject({ status: 'unreadable', hosts: [] });
  });

  it('leaves out what is too much altogether, without holding anyone up', async () => {
    const million = `# ${'x'.repeat(98)}\n`.repeat(10_000) + 'Host h';
    for (let index = 0; index < 6; index++) tree.write({ [`d/${index}`]: `${million}${index}` });
    tree.write({ config: 'Include d/*\nHost a' });
    let longestMs = 0;
    let lastMs = performance.now();
    const timer = setInterval(() => {
      longestMs = Math.max(longestMs, performance.now() - lastMs);
      lastMs = performance.now();
    }, 1);
    const { hosts, warnings } = await read();
    clearInterval(timer);
    expect(hosts).toEqual(['h0=h0', 'h1=h1', 'h2=h2', 'h3=h3', 'a=a']);
    expect(warnings.join()).toContain(`after ${CONFIG_BYTES_MAX} bytes`);
    expect(longestMs).toBeLessThan(200);
  });

  it('names each line that it can not read, and a few of them only', async () => {
    tree.write({ config: `Host a\n HostName "x\n# apiary: por=1\nMatch exec true\n${'Host "\n'.repeat(1_000)}` });
    const { warnings } = await read();
    expect(warnings.slice(0, 4)).toEqual(
      [
        `config:2: this hostname line can't be read`,
        `config:3: this comment is part of the block above it; below its Host line it would be of the block that follows`,
        'config:3: "por=1" is none of port=1…65535, ignore, ignore=no',
        'config:4: Match exec is not evaluated here: the block applies to no host',
      ].sort((a, b) => order(a) - order(b)),
    );
    expect(warnings).toHaveLength(WARNINGS_MAX);
  });

  const order = (warning: string): number =>
    ['hostname line', '"por=1"', 'this comment', 'Match exec'].findIndex((part) => warning.includes(part));

  it('sees a link and what it leads to', async () => {
    tree.write({ 'dotfiles/ssh': 'Host a', 'home/': '' });
    symlinkSync('../dotfiles/ssh', at('home/config'));
    const config = await read('home/config');
    expect(config).toMatchObject({ files: ['home/config'], hosts: ['a=a'] });
    expect(config.watched('home/config')).toBe(true);
    expect(config.watched('dotfiles/ssh')).toBe(true);
  });

  it('survives bytes that are no text', async () => {
    tree.write({ config: `\uFEFFHost a\n HostName x\n${'\u0000\uD800\r\v'.repeat(100)}\nHost b\n` });
    expect((await read()).hosts).toEqual(['a=x', 'b=b']);
  });
});
