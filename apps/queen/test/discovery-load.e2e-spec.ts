import { setTimeout as delay } from 'node:timers/promises';

import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';

import { BlackHole, eventually, FakeHive, TempTree } from '#testing';

import { discoveryOf, hostOf, reportOf, startDiscovery, startServer } from './discovery-under-test.js';
import { hivesOf } from './queen-under-test.js';

/** Every so many hosts there is one with a hive. */
const GOOD_EVERY = 8;

/**
 * Each is longer than the 2 s in which sixteen hosts are given up and the next are asked, so what the look costs shows
 * in every one. What else keeps the machine busy, such as other tests, does not: the calmest window counts.
 */
const WINDOWS = 3;

function p99PerWindow(took: readonly number[]): readonly number[] {
  const size = Math.ceil(took.length / WINDOWS);
  return Array.from({ length: WINDOWS }, (_, index) => {
    const sorted = took.slice(index * size, (index + 1) * size).sort((a, b) => a - b);
    return Math.round(sorted[Math.floor(sorted.length * 0.99)] ?? NaN);
  });
}

describe('discovery among 500 hosts of which 490 never answer', () => {
  let tree: TempTree;

  beforeEach(() => {
    tree = new TempTree();
  });

  afterEach(() => tree[Symbol.dispose]());

  const block = (alias: string, address: string, port: number): string =>
    `Host ${alias}\n HostName ${address}\n # apiary: port=${port}\n`;

  /** Ten hives, each with an address of its own. */
  const startFleet = async () => {
    const start = (_: unknown, index: number): Promise<FakeHive> =>
      FakeHive.start({ hiveId: `gpu-${index}`, host: `127.0.0.${index + 2}` });
    const hives = await Promise.all(Array.from({ length: 10 }, start));
    return {
      hives,
      [Symbol.asyncDispose]: async (): Promise<void> => {
        await Promise.all(hives.map((hive) => hive[Symbol.asyncDispose]()));
      },
    };
  };

  /** Ten hives among the first hundred hosts; the rest swallow connections or take them and say nothing. */
  const configOf = (hives: readonly FakeHive[], silent: number, hole: number): string =>
    Array.from({ length: 500 }, (_, index) => {
      const hive = index % GOOD_EVERY === GOOD_EVERY - 1 ? hives[(index - GOOD_EVERY + 1) / GOOD_EVERY] : undefined;
      if (hive !== undefined) return block(hive.hiveId, new URL(hive.url).hostname, hive.port);
      return block(
        `dark-${index}`,
        `127.1.${index >> 8}.${index & 255}`,
        index < 100 || index % 2 === 0 ? hole : silent,
      );
    }).join('');

  it('finds the ten as fast as its parallelism allows, and answers callbacks meanwhile', async () => {
    await using hole = await BlackHole.open();
    await using silent = await startServer(() => undefined, '0.0.0.0');
    await using fleet = await startFleet();
    const { hives } = fleet;
    await using caller = await FakeHive.start({ hiveId: 'caller', intervalMs: 200 });
    tree.write({ config: configOf(hives, silent.port, hole.port) });
    await using queen = await startDiscovery(tree, ['--discovery-delay-ms', '1000']);
    // The first callbacks of a process pay for code that is not compiled yet.
    for (let call = 0; call < 20; call++) await caller.announceTo(queen.url);
    await eventually('the look', async () => (await discoveryOf(queen)).last_scan_at !== null);
    const startedMs = performance.now();
    const took: number[] = [];
    const enough = new AbortController();
    const calls = (async () => {
      while (!enough.signal.aborted) {
        const calledMs = performance.now();
        expect((await caller.announceTo(queen.url)).status).toBe(200);
        took.push(performance.now() - calledMs);
        await delay(10);
      }
    })();
    // 80 hosts, 16 at a time, 2 s each; a slow machine may take a while longer.
    await eventually('all ten', async () => (await hivesOf(queen.url)).length === hives.length + 1, 15_000);
    const foundMs = performance.now() - startedMs;
    enough.abort();
    await calls;
    const p99s = p99PerWindow(took);
    process.stdout.write(
      `found after ${Math.round(foundMs)} ms; ready p99 of ${took.length} callbacks, by window: ${p99s.join(', ')} ms\n`,
    );
    expect(took.length).toBeGreaterThan(100);
    expect(Math.min(...p99s)).toBeLessThan(50);
    const report = await discoveryOf(queen);
    expect(report.hosts).toHaveLength(500);
    expect(hostOf(report, 'dark-0')).toMatchObject({ outcome: 'no_answer', detail: 'no connection within 2 s' });
    expect(report.hosts.some(({ outcome }) => outcome === 'pending')).toBe(true);
    expect(report.next_scan_at).toBeNull();
  }, 60_000);

  it('looks at new hosts before those that did not answer', async () => {
    await using hole = await BlackHole.open();
    await using hive = await FakeHive.start({ hiveId: 'new', host: '127.0.0.2' });
    const darkBlocks = Array.from({ length: 64 }, (_, index) => block(`dark-${index}`, `127.1.0.${index}`, hole.port));
    const dark = darkBlocks.join('');
    tree.write({ config: dark });
    await using queen = await startDiscovery(tree);
    await reportOf(queen, 15_000);
    tree.write({ config: dark + block('new', '127.0.0.2', hive.port) });
    await eventually('the new one', async () => (await hivesOf(queen.url)).length === 1, 2_000);
  }, 60_000);

  it('stops in the midst of a look', async () => {
    await using hole = await BlackHole.open();
    const dark = Array.from({ length: 64 }, (_, index) => block(`dark-${index}`, `127.1.0.${index}`, hole.port));
    tree.write({ config: dark.join('') });
    const queen = await startDiscovery(tree);
    await eventually('the look', async () => (await discoveryOf(queen)).hosts.length === 64);
    const startedMs = performance.now();
    await queen[Symbol.asyncDispose]();
    expect(performance.now() - startedMs).toBeLessThan(1_000);
  });

  it('gives a host that takes the connection 10 s, and no more', async () => {
    await using silent = await startServer(() => undefined);
    await using drip = await startServer((_, response) => {
      const timer = setInterval(() => response.write(' '), 100);
      response.on('close', () => clearInterval(timer));
    });
    tree.write({ config: block('silent', '127.0.0.1', silent.port) + block('drip', '127.0.0.1', drip.port) });
    await using queen = await startDiscovery(tree);
    const { hosts } = await reportOf(queen, 15_000);
    expect(hosts.map(({ outcome, detail }) => `${outcome}: ${String(detail)}`)).toEqual([
      'no_answer: no answer within 10 s',
      'no_answer: no answer within 10 s',
    ]);
    for (const { took_ms } of hosts) expect(took_ms).toBeLessThan(11_000);
  });
});
