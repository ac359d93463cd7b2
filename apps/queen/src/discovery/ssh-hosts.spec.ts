import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

import { TempTree } from '#testing';

import { readSshConfig } from './ssh-config-files.js';
import { sshAliases, sshHost } from './ssh-hosts.js';
import type { SshFile } from './ssh-statement.js';

const ME = userInfo().username;

/** What a configuration says, and what each alias stands for by it. `DIR` in it is the folder of the other files. */
interface Case {
  readonly name: string;
  readonly config: string;
  readonly expected: Readonly<Record<string, string>>;
  readonly files?: Readonly<Record<string, string>>;
  /** Why OpenSSH itself is not asked. */
  readonly notForSsh?: string;
}

const CASES: readonly Case[] = [
  // Host
  { name: 'nothing', config: '', expected: { a: 'a' } },
  { name: 'a host with a name', config: 'Host a\n  HostName 10.0.0.1', expected: { a: '10.0.0.1', b: 'b' } },
  { name: 'a host without a name', config: 'Host a\n  User x', expected: { a: 'a' } },
  { name: 'several aliases', config: 'Host a b c\n HostName x', expected: { a: 'x', b: 'x', c: 'x', d: 'd' } },
  { name: 'the first name that applies', config: 'Host a\n HostName x\nHost a\n HostName y', expected: { a: 'x' } },
  { name: 'two names in one block', config: 'Host a\n HostName x\n HostName y', expected: { a: 'x' } },
  { name: 'Host * as default', config: 'Host a\n User x\nHost *\n HostName %h.lan', expected: { a: 'a.lan' } },
  { name: 'Host * that comes too late', config: 'Host a\n HostName x\nHost *\n HostName y', expected: { a: 'x' } },
  { name: 'Host * that comes first', config: 'Host *\n HostName y\nHost a\n HostName x', expected: { a: 'y' } },
  {
    name: 'lines before the first block',
    config: 'HostName all\nHost a\n HostName x',
    expected: { a: 'all', b: 'all' },
  },
  { name: 'a star', config: 'Host g*u*x\n HostName y', expected: { gux: 'y', gaubx: 'y', gu: 'gu', xgux: 'xgux' } },
  { name: 'a star for nothing', config: 'Host gpu*\n HostName y', expected: { gpu: 'y', 'gpu-1': 'y' } },
  { name: '? as one', config: 'Host g-?\n HostName y', expected: { 'g-1': 'y', 'g-': 'g-', 'g-12': 'g-12' } },
  { name: 'a dot as a dot', config: 'Host a.b\n HostName y', expected: { 'a.b': 'y', axb: 'axb' } },
  { name: 'a comma as part of a Host word', config: 'Host a,b\n HostName y', expected: { a: 'a', b: 'b' } },
  { name: 'a negation', config: 'Host * !b\n HostName y', expected: { a: 'y', b: 'b' } },
  { name: 'a negation before', config: 'Host !b *\n HostName y', expected: { a: 'y', b: 'b' } },
  { name: 'a negation of itself', config: 'Host b !b\n HostName y', expected: { b: 'b' } },
  { name: 'a negated pattern', config: 'Host * !*.lan\n HostName y', expected: { a: 'y', 'a.lan': 'a.lan' } },
  { name: 'a negation alone', config: 'Host !a\n HostName y', expected: { a: 'a', b: 'b' } },
  { name: 'an alias as it is typed', config: 'Host GPU-A\n HostName y', expected: { 'GPU-A': 'y', 'gpu-a': 'gpu-a' } },
  { name: 'names in lower case', config: 'Host a\n HostName GPU.Lan', expected: { a: 'gpu.lan', B: 'b' } },
  // Tokens
  { name: '%h', config: 'Host a\n HostName %h.lan', expected: { a: 'a.lan' } },
  { name: '%h twice', config: 'Host a\n HostName %h-%h', expected: { a: 'a-a' } },
  { name: '%%', config: 'Host a\n HostName %%h.%h', expected: { a: '%h.a' } },
  // Grammar
  { name: 'keywords in any case', config: 'hOsT a\n  HOSTNAME x', expected: { a: 'x' } },
  { name: '=', config: 'Host=a b\nHostName=x', expected: { a: 'x', b: 'x' } },
  { name: '= with spaces', config: 'Host = a\nHostName\t= "x"', expected: { a: 'x' } },
  { name: 'tabs and no indent', config: 'Host\ta\tb\nHostName\tx', expected: { a: 'x', b: 'x' } },
  { name: 'double quotes', config: 'Host "a" b\n HostName "x"', expected: { a: 'x', b: 'x' } },
  { name: 'single quotes', config: "Host 'a' b\n HostName 'x'", expected: { a: 'x', b: 'x' } },
  { name: 'quotes within a word', config: 'Host pre"fix"\n HostName x', expected: { prefix: 'x' } },
  { name: 'a quoted keyword', config: '"Host" a b\n "HostName" x', expected: { a: 'x', b: 'x' } },
  { name: 'CRLF', config: '# x\r\nHost a\r\n\tHostName x\r\n\r\nHost b\r\n', expected: { a: 'x', b: 'b' } },
  {
    name: 'comments',
    config: '# Host a\n#HostName y\nHost a # b\n HostName x # y',
    expected: { a: 'x', b: 'b', '#': '#' },
  },
  { name: '# within a word', config: 'Host a b#c d\n HostName x#y', expected: { 'b#c': 'x#y', d: 'x#y', b: 'b' } },
  { name: 'blanks at the end', config: 'Host a  \n HostName x \t \n   \n', expected: { a: 'x' } },
  { name: 'IPv6', config: 'Host a\n HostName 2001:db8::1', expected: { a: '2001:db8::1' } },
  { name: 'no line end', config: 'Host a\nHostName x', expected: { a: 'x' } },
  { name: 'a comment between', config: 'Host a\n# x\n\n HostName x', expected: { a: 'x' } },
  // Match
  { name: 'Match all', config: 'Match all\n HostName x', expected: { a: 'x' } },
  { name: 'Match !all', config: 'Match !all\n HostName x', expected: { a: 'a' } },
  { name: 'Match host', config: 'Match host a,b*\n HostName x', expected: { a: 'x', bb: 'x', c: 'c' } },
  { name: 'Match !host', config: 'Match !host a,b*\n HostName x', expected: { a: 'a', bb: 'bb', c: 'x' } },
  { name: 'Match host with a negation', config: 'Match host *,!b\n HostName x', expected: { a: 'x', b: 'b' } },
  { name: 'Match host in any case', config: 'Match host A\n HostName x', expected: { a: 'x', A: 'x' } },
  {
    name: 'Match host on the name so far',
    config: 'Host a\n HostName r1\nMatch host r1\n User bob\nMatch host a\n User al\nMatch user bob\n HostName no',
    expected: { a: 'r1', b: 'b' },
  },
  {
    name: 'Match host on the name with its token',
    config:
      'Host *\n User u\nMatch host a\n User v\nMatch host a user u\n HostName %h.lan\nMatch host a.lan\n HostName n',
    expected: { a: 'a.lan' },
  },
  { name: 'Match originalhost', config: 'Match originalhost A,c\n HostName x', expected: { a: 'x', c: 'x', d: 'd' } },
  {
    name: 'Match originalhost after HostName',
    config: 'Host a\n User bob\nMatch originalhost a user bob\n HostName x',
    expected: { a: 'x', b: 'b' },
  },
  { name: 'Match user', config: 'Host a\n User bob\nMatch user bob\n HostName x', expected: { a: 'x', b: 'b' } },
  { name: 'Match user in its case', config: 'Host a\n User bob\nMatch user Bob\n HostName x', expected: { a: 'a' } },
  { name: 'Match user as the local one', config: `Match user ${ME}\n HostName x`, expected: { a: 'x' } },
  { name: 'Match localuser', config: `Match localuser nobody-else,${ME}\n HostName x`, expected: { a: 'x' } },
  { name: 'Match !localuser', config: `Match !localuser ${ME}\n HostName x`, expected: { a: 'a' } },
  { name: 'several criteria', config: 'Match host a,b !originalhost b\n HostName x', expected: { a: 'x', b: 'b' } },
  {
    name: 'criteria with =',
    config: 'Match=host=a\n HostName x\nMatch host = b\n HostName y',
    expected: { a: 'x', b: 'y' },
  },
  { name: 'quoted criteria', config: 'Match host "a,b" # c\n HostName x', expected: { a: 'x', b: 'x', c: 'c' } },
  { name: 'Match final', config: 'Match final\n HostName x\nMatch final host a\n HostName y', expected: { a: 'a' } },
  { name: 'Match !final', config: 'Match !final host a\n HostName x', expected: { a: 'x', b: 'b' } },
  { name: 'Match canonical', config: 'Match canonical\n HostName x', expected: { a: 'a' } },
  { name: 'Match !canonical', config: 'Match host a !canonical\n HostName x', expected: { a: 'x', b: 'b' } },
  {
    name: 'a block after Match',
    config: 'Match host b\n HostName x\nHost a\n HostName y',
    expected: { a: 'y', b: 'x' },
  },
  // Include
  { name: 'Include', config: 'Include DIR/i', files: { i: 'Host a\n HostName x' }, expected: { a: 'x' } },
  { name: 'a quoted Include', config: 'Include "DIR/i"', files: { i: 'HostName x' }, expected: { a: 'x' } },
  {
    name: 'several paths and globs, in order',
    config: 'Include DIR/z DIR/d/*.conf DIR/e/[a-b]?',
    files: {
      z: 'Host z\n HostName z1',
      'd/2.conf': 'Host z a b\n HostName two',
      'd/1.conf': 'Host a\n HostName one',
      'd/.x.conf': 'Host c\n HostName hidden',
      'd/y.txt': 'Host c\n HostName no',
      'e/b1': 'Host c\n HostName b1',
      'e/a2': 'Host c\n HostName a2',
      'e/c3': 'Host d\n HostName c3',
    },
    expected: { z: 'z1', a: 'one', b: 'two', c: 'a2', d: 'd' },
  },
  {
    name: 'a glob of folders',
    config: 'Include DIR/*/conf',
    files: { 'a/conf': 'Host a\n HostName x', 'b/conf': 'Host a b\n HostName y', 'b/no': '' },
    expected: { a: 'x', b: 'y' },
  },
  {
    name: 'a nested Include',
    config: 'Include DIR/one',
    files: { one: 'Include DIR/two\nHost a\n HostName late', two: 'Host a\n HostName early' },
    expected: { a: 'early' },
  },
  {
    name: 'an Include for some hosts only',
    config: 'Host a b\n Include DIR/i\nHost *\n HostName else',
    files: { i: 'Host b c\n HostName x' },
    expected: { a: 'else', b: 'x', c: 'else' },
  },
  {
    name: 'an Include that starts in the state of its block',
    config: 'Host a\n Include DIR/i\n',
    files: { i: 'HostName x' },
    expected: { a: 'x', b: 'b' },
  },
  {
    name: 'an Include that leaves the state as it was',
    config: 'Host a\n Include DIR/i\n HostName mine',
    files: { i: 'Host q\n HostName x' },
    expected: { a: 'mine', q: 'q' },
  },
  {
    name: 'an Include in a Match',
    config: 'Match host a\n Include DIR/i',
    files: { i: 'Match all\n HostName x' },
    expected: { a: 'x', b: 'b' },
  },
  { name: 'an Include of nothing', config: 'Include DIR/no DIR/*.no\nHost a\n HostName x', expected: { a: 'x' } },
  // What OpenSSH would do differently, or not at all
  {
    name: 'Match exec as not matched',
    config: 'Match exec "touch DIR/canary"\n HostName x\nMatch !exec "touch DIR/canary"\n HostName y',
    expected: { a: 'a' },
    notForSsh: 'it would run it',
  },
  {
    name: 'Match exec behind others',
    config: 'Match host a exec "touch DIR/canary" user x\n HostName y\nMatch exec DIR/canary',
    expected: { a: 'a' },
    notForSsh: 'it would run it',
  },
  {
    name: 'unknown criteria as not matched',
    config: 'Match tagged x\n HostName y\nMatch localnetwork 10.0.0.0/8\n HostName z\nMatch !x y\n HostName z',
    expected: { a: 'a' },
    notForSsh: 'it depends on its version',
  },
  {
    name: 'lines that can not be read as no lines, and blocks as blocks of nobody',
    config: 'Host a\n HostName "x\n HostName y\nHost "b\n HostName z\nMatch host\n HostName z\nHost\n HostName z',
    expected: { a: 'y', b: 'b', '"b': '"b' },
    notForSsh: 'it refuses the whole file',
  },
  {
    name: 'keywords that nobody knows',
    config: 'Host a\n Bogus "x\n ProxyCommand touch DIR/canary \\\n HostName y',
    expected: { a: 'y' },
    notForSsh: 'it refuses the whole file',
  },
  {
    name: 'CanonicalizeHostname without asking anyone',
    config: 'Host a\n CanonicalizeHostname yes\n CanonicalDomains example.invalid',
    expected: { a: 'a' },
    notForSsh: 'it would ask the resolver',
  },
];

/** Reads a case from real files. OpenSSH refuses included files that others may write. */
async function read({ config, files = {} }: Case, tree: TempTree): Promise<SshFile> {
  const within = (text: string): string => text.replaceAll('DIR', tree.root);
  tree.write(Object.fromEntries(Object.entries(files).map(([path, text]) => [path, within(text)])));
  tree.write({ config: within(config) });
  for (const path of [...Object.keys(files), 'config']) chmodSync(join(tree.root, path), 0o600);
  return (await readSshConfig(join(tree.root, 'config'))).root;
}

const SSH_IS_HERE = spawnSync('ssh', ['-G', '-F', '/dev/null', 'x']).status === 0;

describe('sshHost', () => {
  let tree: TempTree;

  beforeAll(() => {
    tree = new TempTree();
  });

  afterAll(() => tree[Symbol.dispose]());

  it.each(CASES)('understands $name', async (example) => {
    const file = await read(example, tree);
    const found = Object.keys(example.expected).map((alias) => [alias, sshHost(file, alias, ME).hostName]);
    expect(Object.fromEntries(found)).toEqual(example.expected);
    expect(existsSync(join(tree.root, 'canary'))).toBe(false);
  });

  const crossCheck = SSH_IS_HERE ? it : it.skip;
  const forSsh = CASES.filter(({ notForSsh }) => notForSsh === undefined);
  crossCheck.each(forSsh)('agrees with the OpenSSH client on $name', async (example) => {
    await read(example, tree);
    const found = Object.keys(example.expected).map((alias) => {
      const { stdout, stderr } = spawnSync('ssh', ['-G', '-F', join(tree.root, 'config'), '--', alias]);
      return [alias, /^hostname (.*)$/m.exec(stdout.toString())?.[1] ?? stderr.toString()];
    });
    expect(Object.fromEntries(found)).toEqual(example.expected);
  });

  it.each([
    ['a token that HostName does not have', 'HostName %n.lan', /token/],
    ['a token without a letter', 'HostName lan%', /token/],
    ['a space', 'HostName "x y"', /not that of a host/],
    ['two names', 'HostName x y', /not that of a host/],
    ['a slash', 'HostName x/y', /not that of a host/],
    ['a user', 'HostName root@x', /not that of a host/],
    ['a URL', 'HostName http://x', /not that of a host/],
    ['a zone', 'HostName fe80::1%%eth0', /zone/],
    ['a name that is too long', `HostName ${'x'.repeat(300)}`, /longer/],
  ])('refuses %s', async (_, line, fault) => {
    const file = await read({ name: '', config: `Host a\n ${line}`, expected: {} }, tree);
    expect(sshHost(file, 'a', ME).fault).toMatch(fault);
  });

  it.each([
    ['a port', 'Host a\n# apiary: port=7900', 7900, false],
    ['a port behind Host', 'Host a # apiary: port=7900', 7900, false],
    ['a port behind another line', 'Host a\n  Port 22  # apiary: port=7900', 7900, false],
    ['the first port', 'Host a\n #apiary:port=1\n ## Apiary: PORT=2', 1, false],
    ['a port for all', 'Host a\n User x\nHost *\n # apiary: port=7900', 7900, false],
    ['the port of another', 'Host b\n # apiary: port=7900', undefined, false],
    ['a port at the top', '# apiary: port=7900\nHost b', 7900, false],
    ['a port in a Match', 'Match host a # apiary: port=7900', 7900, false],
    ['ignore', 'Host a\n # apiary: ignore', undefined, true],
    ['ignore by a pattern', 'Host *a\n # apiary: ignore', undefined, true],
    ['an exception', 'Host a\n # apiary: ignore=no\nHost *\n # apiary: ignore', undefined, false],
    ['both', 'Host a\n # apiary: ignore port=7900', 7900, true],
    ['a comment of another kind', 'Host a\n # about apiary: nothing\n # port=7900', undefined, false],
    ['bad options', 'Host a\n # apiary: port=0 port=70000 port=x port= ignore=maybe', undefined, false],
  ])('takes from comments: %s', async (_, config, port, ignored) => {
    const file = await read({ name: '', config, expected: {} }, tree);
    expect(sshHost(file, 'a', ME)).toMatchObject({ port, ignored });
  });

  it('is quick with patterns made to be slow', async () => {
    const config = `Host ${'*a'.repeat(2_000)}b\n HostName x`;
    const file = await read({ name: '', config, expected: {} }, tree);
    const startedMs = performance.now();
    expect(sshHost(file, 'a'.repeat(20_000), ME).hostName).toMatch(/^a+$/);
    expect(performance.now() - startedMs).toBeLessThan(2_000);
  });
});

describe('sshAliases', () => {
  it('names every concrete host once, wherever it stands', async () => {
    using tree = new TempTree();
    const config = 'Host a *.lan !b g-?\nHost c a\nMatch host m\n Include DIR/i\nHost d "e f"';
    const file = await read({ name: '', config, files: { i: 'Host i a\nHost *\n' }, expected: {} }, tree);
    expect([...sshAliases(file)].map(({ alias, source }) => [alias, source.replace(`${tree.root}/`, '')])).toEqual([
      ['a', 'config:1'],
      ['c', 'config:2'],
      ['i', 'i:1'],
      ['d', 'config:5'],
      ['e f', 'config:5'],
    ]);
  });
});
