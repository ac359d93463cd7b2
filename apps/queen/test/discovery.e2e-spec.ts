import { existsSync, renameSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import request from 'supertest';

import type { DiscoveryView } from '#contracts';
import { eventually, FakeHive, TempTree } from '#testing';

import { discoveryOf, hostOf, reportOf, reportThat, startDiscovery, startServer } from './discovery-under-test.js';
import { hivesOf, hiveThat, LogProbe } from './queen-under-test.js';

const OUTER_ADDRESS = Object.values(networkInterfaces())
  .flatMap((addresses) => addresses ?? [])
  .find(({ family, internal }) => family === 'IPv4' && !internal)?.address;

describe('discovery from the SSH configuration', () => {
  let tree: TempTree;
  const at = (path: string): string => join(tree.root, path);

  beforeEach(() => {
    tree = new TempTree();
  });

  afterEach(() => tree[Symbol.dispose]());

  it('finds hives by all that a configuration can say, asks each once and leaves its own URL there', async () => {
    await using a = await FakeHive.start({ hiveId: 'gpu-a', host: '127.0.0.2', intervalMs: 100 });
    await using b = await FakeHive.start({ hiveId: 'gpu-b', host: '127.0.0.3', intervalMs: 100 });
    tree.write({
      config: [
        'Include config.d/*',
        'Host gpu-a a-again',
        '  HostName 127.0.0.2',
        `  # apiary: port=${a.port}`,
        'Host spare # apiary: ignore',
        'Host *',
        '  HostName %h.invalid.name..',
      ].join('\r\n'),
      'config.d/b': `Match originalhost gpu-?,!gpu-a\n HostName = "127.0.0.3"\n # apiary: port=${b.port}\nHost gpu-b`,
    });
    await using queen = await startDiscovery(tree);
    const report = await reportOf(queen);
    expect(report).toMatchObject({ status: 'ok', files: [at('config'), at('config.d/b')], warnings: [] });
    expect(report.hosts).toEqual([
      {
        alias: 'gpu-b',
        host_name: '127.0.0.3',
        address: '127.0.0.3',
        port: b.port,
        url: b.url,
        source: `${at('config.d/b')}:4`,
        same_as: null,
        outcome: 'hive',
        hive_id: 'gpu-b',
        detail: null,
        tried_at: expect.stringMatching(/^\d{4}-.*Z$/),
        took_ms: expect.any(Number),
      },
      expect.objectContaining({ alias: 'gpu-a', outcome: 'hive', hive_id: 'gpu-a', url: a.url }),
      expect.objectContaining({ alias: 'a-again', outcome: 'duplicate', same_as: 'gpu-a', tried_at: null }),
      expect.objectContaining({ alias: 'spare', outcome: 'ignored', address: null, tried_at: null }),
    ]);
    for (const hive of [a, b]) {
      const view = await hiveThat(queen.url, hive.hiveId, ({ connection }) => connection === 'connected', 'connected');
      expect(view).toMatchObject({ found_by: 'ssh-config', hive_url: hive.url, devices: [{ id: 'CPU-0' }] });
      expect(hive.asked).toEqual([queen.url]);
      expect(hive.requests).toHaveLength(1);
    }
  });

  it('says what came of every host', async () => {
    await using hive = await FakeHive.start({ hiveId: 'gpu-a', intervalMs: 100 });
    await using twin = await FakeHive.start({ hiveId: 'gpu-a', bootId: 'another', host: '127.0.0.2' });
    await using web = await startServer((_, response) => response.writeHead(404).end('<html>'));
    await using liar = await startServer((_, response) => response.end('{"hive_id":"x"}'));
    await using away = await startServer((_, response) => response.writeHead(302, { Location: hive.url }).end());
    await using flood = await startServer((_, response) => response.end('x'.repeat(2 * 1024 * 1024)));
    await using closed = await startServer(() => undefined);
    await closed[Symbol.asyncDispose]();
    const host = (alias: string, name: string, port: number): string =>
      `Host ${alias}\n HostName ${name}\n # apiary: port=${port}\n`;
    tree.write({
      config: [
        host('live', '127.0.0.1', hive.port),
        host('twin', '127.0.0.2', twin.port),
        host('web', '127.0.0.1', web.port),
        host('liar', '127.0.0.1', liar.port),
        host('away', '127.0.0.1', away.port),
        host('flood', '127.0.0.1', flood.port),
        host('closed', '127.0.0.2', closed.port),
        host('nameless', 'no..such..name', 1024),
        host('odd', '"not a host"', 1024),
        host('ssh-port', '127.0.0.1', 22),
      ].join(''),
    });
    await using queen = await startDiscovery(tree, ['--discovery-delay-ms', '1000']);
    await hive.announceTo(queen.url);
    await hiveThat(queen.url, 'gpu-a', ({ connection }) => connection === 'connected', 'connected');
    expect(await discoveryOf(queen)).toMatchObject({ status: 'pending', last_scan_at: null, hosts: [] });
    const report = await reportOf(queen);
    const found = report.hosts.map(({ alias, outcome, detail }) => [alias, `${outcome}: ${detail ?? ''}`]);
    expect(Object.fromEntries(found)).toEqual({
      live: 'live: ',
      twin: expect.stringMatching(/^refused: gpu-a is live at http/),
      web: 'not_a_hive: it answered 404',
      liar: expect.stringMatching(/^not_a_hive: .*must be/),
      away: 'not_a_hive: it answered 302',
      flood: 'not_a_hive: its answer is longer than 1 MiB',
      closed: expect.stringMatching(/^no_answer: .*ECONNREFUSED/),
      nameless: expect.stringMatching(/^unresolvable: /),
      odd: 'refused: its name is not that of a host',
      'ssh-port': 'refused: its URL names port 22, which HTTP clients refuse to dial',
    });
    expect(hive.asked).toEqual([]);
    expect((await hivesOf(queen.url)).map(({ hive_id }) => hive_id)).toEqual(['gpu-a']);
  });

  it("counts the queen's own machine once, under all its names", async () => {
    await using hive = await FakeHive.start({ hiveId: 'here', host: '0.0.0.0' });
    const names = ['127.0.0.1', 'localhost', '127.0.1.1', '0.0.0.0', '::1', ...(OUTER_ADDRESS ? [OUTER_ADDRESS] : [])];
    tree.write({ config: `Host ${names.join(' ')}` });
    await using queen = await startDiscovery(tree, ['--hive-port', String(hive.port)]);
    const { hosts } = await reportOf(queen);
    expect(hosts.map(({ outcome }) => outcome).sort()).toEqual([...names.slice(1).map(() => 'duplicate'), 'hive']);
    expect(new Set(hosts.map(({ url }) => url))).toEqual(new Set([`http://127.0.0.1:${hive.port}`]));
    expect(hive.asked).toHaveLength(1);
  });

  (OUTER_ADDRESS === undefined ? it.skip : it)(
    'finds a hive of its own machine that does not listen on loopback',
    async () => {
      await using hive = await FakeHive.start({ hiveId: 'here', host: OUTER_ADDRESS ?? '' });
      tree.write({ config: 'Host localhost' });
      await using queen = await startDiscovery(tree, ['--hive-port', String(hive.port)]);
      expect(hostOf(await reportOf(queen), 'localhost')).toMatchObject({ outcome: 'hive', url: hive.url });
    },
  );

  it('opens one stream to a hive whatever the number of looks, and leaves it alone while that stands', async () => {
    await using found = await FakeHive.start({ hiveId: 'found', host: '127.0.0.2', intervalMs: 100 });
    await using called = await FakeHive.start({ hiveId: 'called', host: '127.0.0.3', intervalMs: 100 });
    const block = ({ hiveId, url, port }: FakeHive): string =>
      `Host ${hiveId}\n HostName ${new URL(url).hostname}\n # apiary: port=${port}\n`;
    tree.write({ config: block(found) + block(called) });
    await using queen = await startDiscovery(tree, ['--discovery-delay-ms', '300', '--discovery-interval-ms', '1000']);
    await called.announceTo(queen.url);
    const scans = new Set<string | null>();
    await eventually('four looks', async () => scans.add((await discoveryOf(queen)).last_scan_at).size > 4);
    const { hosts } = await reportOf(queen);
    expect(hosts.map(({ outcome, hive_id }) => [outcome, hive_id])).toEqual([
      ['live', 'found'],
      ['live', 'called'],
    ]);
    expect([found.asked.length, called.asked.length]).toEqual([1, 0]);
    expect([found.requests.length, called.requests.length]).toEqual([1, 1]);
  });

  it('leaves a hive alone that is live under another URL of its own', async () => {
    await using hive = await FakeHive.start({ hiveId: 'named', intervalMs: 100 });
    await using door = await startServer((_, response) => {
      asked += 1;
      void fetch(`${hive.url}/v1/capabilities`).then(async (answer) => response.end(await answer.text()));
    }, '127.0.0.2');
    let asked = 0;
    tree.write({ config: `Host door\n HostName 127.0.0.2\n # apiary: port=${door.port}` });
    await using queen = await startDiscovery(tree, ['--discovery-delay-ms', '500', '--discovery-interval-ms', '1000']);
    await hive.announceTo(queen.url);
    await hiveThat(queen.url, 'named', ({ connection }) => connection === 'connected', 'connected');
    await reportThat(queen, 'the second look', (report) => hostOf(report, 'door').outcome === 'live');
    expect(asked).toBe(1);
    expect(hive.requests).toHaveLength(1);
  });

  it('looks again on a timer, and finds a hive that was not there yet', async () => {
    await using placeholder = await FakeHive.start({ hiveId: 'late', host: '127.0.0.2' });
    const { port } = placeholder;
    await placeholder[Symbol.asyncDispose]();
    tree.write({ config: `Host late\n HostName 127.0.0.2\n # apiary: port=${port}` });
    await using queen = await startDiscovery(tree, ['--discovery-interval-ms', '1000']);
    expect(hostOf(await reportOf(queen), 'late')).toMatchObject({ outcome: 'no_answer', hive_id: null });
    await using _late = await FakeHive.start({ hiveId: 'late', host: '127.0.0.2', port, intervalMs: 100 });
    await reportThat(queen, 'late is found', (report) => hostOf(report, 'late').hive_id === 'late', 2_500);
    await hiveThat(queen.url, 'late', ({ connection }) => connection === 'connected', 'connected');
  });

  it('notices within 2 s that a file changes, comes to be, or is included', async () => {
    const log = new LogProbe();
    await using a = await FakeHive.start({ hiveId: 'a', host: '127.0.0.2' });
    await using b = await FakeHive.start({ hiveId: 'b', host: '127.0.0.3' });
    await using c = await FakeHive.start({ hiveId: 'c', host: '127.0.0.4' });
    const block = ({ hiveId, url, port }: FakeHive): string =>
      `Host ${hiveId}\n HostName ${new URL(url).hostname}\n # apiary: port=${port}\n`;
    await using queen = await startDiscovery(tree, ['--ssh-config', at('.ssh/config')], log);
    expect(await reportOf(queen)).toMatchObject({ status: 'none', files: [], hosts: [] });
    const known = (id: string): Promise<unknown> =>
      eventually(id, async () => (await hivesOf(queen.url)).some(({ hive_id }) => hive_id === id), 2_000);
    tree.write({ '.ssh/config': `Include d/*.conf\n${block(a)}` });
    await known('a');
    tree.write({ '.ssh/new': `Include d/*.conf\n${block(a)}${block(b)}` });
    renameSync(at('.ssh/new'), at('.ssh/config'));
    await known('b');
    tree.write({ '.ssh/d/c.conf': block(c) });
    await known('c');
    tree.remove('.ssh');
    await reportThat(queen, 'no file', ({ status, hosts }) => status === 'none' && hosts.length === 0, 2_000);
    expect([...log.warnings, ...log.errors]).toEqual([]);
    expect((await hivesOf(queen.url)).map(({ hive_id }) => hive_id)).toEqual(['a', 'b', 'c']);
  });

  it('executes nothing, reads no key and says each problem once', async () => {
    const log = new LogProbe();
    const touch = `touch ${at('canary')}`;
    tree.write({
      config: `Match exec "${touch}"\n HostName 127.0.0.2\nMatch host a !exec "${touch}" \nHost a
        HostName 127.0.0.1\n ProxyCommand ${touch}\n LocalCommand ${touch}\n PermitLocalCommand yes
        KnownHostsCommand ${touch}\n CanonicalizeHostname yes\n CanonicalDomains example.invalid
        HostName $(${touch})\n IdentityFile ${at('key')}\n Include "$(${touch})" \`${touch}\` no-such-file`,
    });
    await using queen = await startDiscovery(tree, ['--hive-port', '1024', '--discovery-interval-ms', '1000'], log);
    const scans = new Set<string | null>();
    await eventually('three looks', async () => scans.add((await discoveryOf(queen)).last_scan_at).size > 3);
    const { warnings } = await reportOf(queen);
    expect(existsSync(at('canary'))).toBe(false);
    expect(warnings.length).toBeGreaterThan(2);
    expect(log.warnings).toEqual(warnings.map((warning) => `SSH configuration: ${warning}`));
  });

  it('never looks twice at the same time; a change during a look is followed by another', async () => {
    let running = 0;
    let runningMax = 0;
    let asked = 0;
    await using slow = await startServer((_, response) => {
      asked += 1;
      runningMax = Math.max(runningMax, ++running);
      void delay(1_500).then(() => {
        running -= 1;
        response.writeHead(404).end();
      });
    });
    const config = `Host slow\n HostName 127.0.0.1\n # apiary: port=${slow.port}\n`;
    tree.write({ config });
    await using queen = await startDiscovery(tree, ['--discovery-interval-ms', '1000']);
    await eventually('the first look', () => asked === 1);
    for (let change = 0; change < 3; change++) {
      tree.write({ config: `${config}Host new-${change} # apiary: ignore` });
      await delay(100);
    }
    await eventually('the second look', () => asked === 2, 2_500);
    expect((await discoveryOf(queen)).hosts.map(({ alias }) => alias)).toEqual(['slow', 'new-2']);
    expect(runningMax).toBe(1);
  });

  it('documents its answer with an example', async () => {
    await using queen = await startDiscovery(tree);
    const { body } = await request(queen.url).get('/docs-json').expect(200);
    const { content } = body.paths['/v1/discovery'].get.responses['200'];
    const { example } = content['application/json'] as { example: DiscoveryView };
    tree.write({ config: 'Host a # apiary: ignore' });
    const real = await reportThat(queen, 'a host', ({ hosts }) => hosts.length === 1);
    expect(Object.keys(example)).toEqual(Object.keys(real));
    expect(Object.keys(example.hosts[0]!)).toEqual(Object.keys(real.hosts[0]!));
  });
});
