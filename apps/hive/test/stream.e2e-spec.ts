import { hostname } from 'node:os';

import { describe, expect, it } from '@jest/globals';
import request from 'supertest';

import { decodeTelemetry, type TelemetryEvent } from '#contracts';
import { eventually, SseProbe } from '#testing';

import { startHive } from './hive-under-test.js';

const STREAM = '/v1/heartbeats/stream';

describe('GET /v1/heartbeats/stream of a hive', () => {
  it('sends this machine, at once and then every interval', async () => {
    await using hive = await startHive();
    await eventually('the first sample', async () => (await fetch(`${hive.url}/-/ready`)).ok);
    const openedMs = performance.now();
    using client = new SseProbe(`${hive.url}${STREAM}`);
    const first = await client.waitFor('the first event', () => true);
    expect(first.arrivedMs - openedMs).toBeLessThan(100);
    await eventually('twenty more', () => client.events.length > 20);
    const events = client.events.map(({ data }) => decodeTelemetry(data));
    const seqs = events.map(({ seq }) => seq);
    expect(seqs).toEqual(seqs.map((_, index) => (seqs[0] ?? 0) + index));
    const { node, hive_info, hive_id, interval_ms } = events.at(-1) as TelemetryEvent;
    expect({ hive_id, interval_ms }).toEqual({ hive_id: 'gpu-a', interval_ms: 100 });
    expect(hive_info).toMatchObject({ id: 'gpu-a', hostname: hostname(), url: hive.url });
    expect(node.ram_total_mb).toBeGreaterThan(100);
    expect(node.ram_used_mb).toBeLessThan(node.ram_total_mb as number);
    expect(node.cpu_pct).toBeGreaterThanOrEqual(0);
    expect(node.cpu_pct).toBeLessThanOrEqual(100);
  });

  it('speaks the protocol to the letter', async () => {
    await using hive = await startHive();
    using client = new SseProbe(`${hive.url}${STREAM}`);
    await eventually('three events', () => client.events.length >= 3);
    expect(client.status).toBe(200);
    expect(client.headers['content-type']).toMatch(/^text\/event-stream/);
    expect(client.headers['cache-control']).toContain('no-transform');
    expect(client.headers['x-accel-buffering']).toBe('no');
    expect(client.text).not.toContain('\r');
    for (const { id, event, json } of client.events) {
      const { hive_info, seq } = json as unknown as TelemetryEvent;
      expect(id).toBe(`${hive_info.boot_id}:${seq}`);
      expect(event).toBe('heartbeat');
      expect(Object.keys(json)).toEqual(
        'type hive_id hive_info timestamp seq interval_ms node gpus workers collection'.split(' '),
      );
    }
  });

  it('serves a second and a tenth client from one loop; nothing changes for the first', async () => {
    await using hive = await startHive();
    using first = new SseProbe(`${hive.url}${STREAM}`);
    await first.waitFor('an event', () => true);
    const others = Array.from({ length: 9 }, () => new SseProbe(`${hive.url}${STREAM}`));
    await eventually('ten events each', () => others.every(({ events }) => events.length >= 10));
    for (const other of others) {
      const own = new Map(first.events.map(({ id, data }) => [id, data]));
      for (const { id, data } of other.events) expect(own.get(id) ?? data).toBe(data);
      other[Symbol.dispose]();
    }
    const seqs = first.events.map(({ json }) => Number(json['seq']));
    expect(seqs).toEqual(seqs.map((_, index) => (seqs[0] ?? 0) + index));
  });

  it('ends the first stream of a queen that opens a second', async () => {
    await using hive = await startHive();
    using first = new SseProbe(`${hive.url}${STREAM}`, { 'X-Apiary-Queen': 'queen-1' });
    using other = new SseProbe(`${hive.url}${STREAM}`, { 'X-Apiary-Queen': 'queen-2' });
    await first.waitFor('an event', () => true);
    await other.waitFor('an event', () => true);
    using second = new SseProbe(`${hive.url}${STREAM}`, { 'X-Apiary-Queen': 'queen-1' });
    await eventually('the end of the first', () => first.ended);
    expect(first.events.at(-1)?.json).toEqual({ type: 'closing', reason: 'replaced' });
    await eventually('the second goes on', () => second.events.length > 5);
    expect(other.ended).toBe(false);
  });

  it('drops a client that does not read, and nobody else notices', async () => {
    await using hive = await startHive(['--interval-ms', '100']);
    using stuck = new SseProbe(`${hive.url}${STREAM}`);
    using reader = new SseProbe(`${hive.url}${STREAM}`);
    await stuck.waitFor('an event', () => true);
    stuck.pause();
    const before = reader.events.length;
    await eventually('twenty more for the reader', () => reader.events.length > before + 20);
  });

  it('says closing and ends when the hive stops', async () => {
    const hive = await startHive();
    using client = new SseProbe(`${hive.url}${STREAM}`);
    await client.waitFor('an event', () => true);
    const startedMs = performance.now();
    await hive[Symbol.asyncDispose]();
    await eventually('the end', () => client.ended);
    expect(client.events.at(-1)).toMatchObject({ event: 'closing', json: { type: 'closing', reason: 'shutdown' } });
    expect(performance.now() - startedMs).toBeLessThan(2_000);
  });

  it('gives the latest sample as plain JSON, and its health', async () => {
    await using hive = await startHive();
    await eventually('ready', async () => (await fetch(`${hive.url}/-/ready`)).ok);
    const latest = await request(hive.url).get('/v1/heartbeats').expect(200);
    expect(decodeTelemetry(JSON.stringify(latest.body)).hive_id).toBe('gpu-a');
    await request(hive.url)
      .get('/health')
      .expect(200, /"status":"ok"/);
    await request(hive.url).get('/-/healthy').expect(200);
    await request(hive.url)
      .get('/docs')
      .expect(200, /swagger/i);
    const { body } = await request(hive.url).get('/docs-json').expect(200);
    expect(Object.keys((body as { paths: object }).paths).sort()).toEqual([
      '/-/healthy',
      '/-/ready',
      '/capabilities',
      '/health',
      '/v1/capabilities',
      '/v1/heartbeats',
      '/v1/heartbeats/stream',
    ]);
    await request(hive.url)
      .get('/nonsense')
      .expect(404, /"code":"NOT_FOUND"/);
  });
});
