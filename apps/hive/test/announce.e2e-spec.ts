import { describe, expect, it } from '@jest/globals';
import request from 'supertest';

import { eventually, FakeQueen, SseProbe } from '#testing';

import { startHive } from './hive-under-test.js';

describe('a hive and its queen', () => {
  it('announces itself once when it listens, and not again while a queen reads', async () => {
    await using queen = await FakeQueen.start();
    await using hive = await startHive(['--queen-url', queen.url]);
    await eventually('the callback', () => queen.callbacks.length === 1);
    const { body } = queen.callbacks[0]!;
    expect(body).toEqual({
      hive_id: 'gpu-a',
      hive_url: hive.url,
      boot_id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      version: expect.any(String),
      interval_ms: 100,
    });
    using reader = new SseProbe(`${hive.url}/v1/heartbeats/stream`, { 'X-Apiary-Queen': 'q' });
    // Longer than the wait after which an unread hive would announce itself again.
    await eventually('four seconds of telemetry', () => reader.events.length > 40);
    expect(queen.callbacks).toHaveLength(1);
  });

  it('goes on while the queen is not up to it: after 2 s, after 4 s more', async () => {
    await using queen = await FakeQueen.start();
    queen.answer = { status: 503 };
    await using _hive = await startHive(['--queen-url', queen.url]);
    await eventually('three tries', () => queen.callbacks.length === 3);
    const [first, second, third] = queen.callbacks.map(({ atMs }) => atMs) as [number, number, number];
    for (const [gapMs, expectedMs] of [
      [second - first, 2_000],
      [third - second, 4_000],
    ] as const) {
      expect(gapMs).toBeGreaterThan(expectedMs - 100);
      expect(gapMs).toBeLessThan(expectedMs + 500);
    }
  });

  it('announces itself again when no queen has read for 3 s', async () => {
    await using queen = await FakeQueen.start();
    await using hive = await startHive(['--queen-url', queen.url]);
    await eventually('the callback', () => queen.callbacks.length === 1);
    const reader = new SseProbe(`${hive.url}/v1/heartbeats/stream`, { 'X-Apiary-Queen': 'q' });
    await reader.waitFor('telemetry', () => true);
    reader[Symbol.dispose]();
    const leftMs = performance.now();
    await eventually('the second callback', () => queen.callbacks.length === 2);
    expect(queen.callbacks[1]!.atMs - leftMs).toBeGreaterThan(2_900);
    expect(queen.callbacks[1]!.atMs - leftMs).toBeLessThan(3_600);
  });

  it('adopts the queen that asks for its capabilities, at once', async () => {
    await using queen = await FakeQueen.start();
    await using hive = await startHive();
    const { body } = await request(hive.url).get('/v1/capabilities').query({ queen_url: queen.url }).expect(200);
    expect(body).toMatchObject({ hive_id: 'gpu-a', hive_url: hive.url, interval_ms: 100 });
    expect(body.devices.at(-1)).toMatchObject({ id: 'CPU-0', device_type: 'cpu' });
    await eventually('the callback', () => queen.callbacks.length === 1, 1_000);
  });

  it('follows a new queen even while an old one reads', async () => {
    await using before = await FakeQueen.start();
    await using after = await FakeQueen.start();
    await using hive = await startHive(['--queen-url', before.url]);
    using _reader = new SseProbe(`${hive.url}/v1/heartbeats/stream`, { 'X-Apiary-Queen': 'q' });
    await eventually('the callback', () => before.callbacks.length === 1);
    await request(hive.url).get('/capabilities').query({ queen_url: after.url }).expect(200);
    await eventually('the callback to the new queen', () => after.callbacks.length === 1, 1_000);
    expect(before.callbacks).toHaveLength(1);
  });

  it.each(['', 'zzz', 'ftp://q', 'http://u:p@q', 'http://q/x', 'http://q:0'])(
    'refuses the queen_url %p and changes nothing',
    async (queen_url) => {
      await using queen = await FakeQueen.start();
      await using hive = await startHive(['--queen-url', queen.url]);
      await eventually('the callback', () => queen.callbacks.length === 1);
      const { body } = await request(hive.url).get('/v1/capabilities').query({ queen_url }).expect(400);
      expect(body.fields).toHaveProperty('queen_url');
      await request(hive.url)
        .get('/health')
        .expect(200, new RegExp(`"queen_url":"${queen.url}"`));
    },
  );
});
