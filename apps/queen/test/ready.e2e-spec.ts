import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import request from 'supertest';

import { limits } from '#contracts';
import { FakeHive, type RunningApp } from '#testing';

import { hivesOf, hiveThat, LogProbe, startQueen } from './queen-under-test.js';

const GOOD = { hive_id: 'gpu-a', hive_url: 'http://127.0.0.1:7835' };

describe('POST /v1/hive/ready', () => {
  const log = new LogProbe();
  let queen: RunningApp;

  beforeAll(async () => {
    queen = await startQueen([], log);
  });

  afterAll(async () => {
    await queen[Symbol.asyncDispose]();
  });

  const post = (body: object | string) =>
    request(queen.url).post('/v1/hive/ready').set('Content-Type', 'application/json').send(body);

  it.each([
    ['missing', { hive_url: GOOD.hive_url }, 'is missing'],
    ['null', { ...GOOD, hive_id: null }, 'is missing'],
    ['empty', { ...GOOD, hive_id: '' }, 'is empty'],
    ['over-long', { ...GOOD, hive_id: 'x'.repeat(129) }, 'is longer than 128 characters'],
    ['a number', { ...GOOD, hive_id: 7 }, 'must be a string'],
    ['a list', { ...GOOD, hive_id: ['gpu-a'] }, 'must be a string'],
    ['an object', { ...GOOD, hive_id: { a: 1 } }, 'must be a string'],
    ['with a slash', { ...GOOD, hive_id: 'a/b' }, 'may hold only letters, digits, ".", "_" and "-"'],
    ['with a line end', { ...GOOD, hive_id: 'a\n' }, 'may hold only letters, digits, ".", "_" and "-"'],
    ['with markup', { ...GOOD, hive_id: '<img>' }, 'may hold only letters, digits, ".", "_" and "-"'],
  ])('refuses a hive_id that is %s', async (_, body, fault) => {
    const response = await post(body);
    expect(response.status).toBe(400);
    expect(response.body).toEqual({
      status: 'error',
      code: 'REQUEST_INVALID',
      message: `hive_id ${fault}`,
      fields: { hive_id: fault },
    });
  });

  it.each([
    undefined,
    '',
    7,
    'zzz',
    'localhost:7835',
    'ftp://a',
    'http://',
    'http://u:p@a',
    'http://a/x',
    'http://a?x',
    'http://a#x',
    'http://a:0',
    'http://a:6667',
    'file:///etc/passwd',
    `http://${'a'.repeat(3000)}`,
  ])('refuses the hive_url %p', async (hive_url) => {
    const response = await post({ ...GOOD, hive_url });
    expect(response.status).toBe(400);
    expect(response.body).toMatchObject({ status: 'error', code: 'REQUEST_INVALID' });
    expect(Object.keys((response.body as { fields: object }).fields)).toEqual(['hive_url']);
  });

  it.each([
    ['boot_id', { boot_id: 7 }],
    ['version', { version: 'x'.repeat(300) }],
    ['interval_ms', { interval_ms: 0 }],
    ['interval_ms', { interval_ms: '1000' }],
    ['interval_ms', { interval_ms: 1e9 }],
  ])('refuses an odd %s', async (field, odd) => {
    const response = await post({ ...GOOD, ...odd });
    expect(response.status).toBe(400);
    expect(Object.keys((response.body as { fields: object }).fields)).toEqual([field]);
  });

  it('names every wrong field', async () => {
    const response = await post({ hive_id: '', hive_url: 'zzz' });
    expect(Object.keys((response.body as { fields: object }).fields)).toEqual(['hive_id', 'hive_url']);
  });

  it.each([
    ['an array', '[]', 'the body must be a JSON object, sent as application/json'],
    ['an array of good ones', JSON.stringify([GOOD]), 'the body must be a JSON object, sent as application/json'],
    ['broken JSON', '{"hive_id":', expect.stringMatching(/^the body is not valid JSON: /)],
    ['a bare word', 'true', expect.stringMatching(/^the body is not valid JSON: /)],
  ])('refuses a body that is %s', async (_, body, message) => {
    const response = await post(body);
    expect(response.status).toBe(400);
    expect(response.body).toEqual({ status: 'error', code: 'REQUEST_INVALID', message });
  });

  it('refuses a body of another type', async () => {
    const response = await request(queen.url).post('/v1/hive/ready').type('form').send('hive_id=gpu-a');
    expect(response.status).toBe(400);
  });

  it('refuses a body over 16 KiB', async () => {
    const response = await post({ ...GOOD, pad: 'x'.repeat(limits.BODY_BYTES_MAX) });
    expect(response.status).toBe(413);
    expect(response.body).toMatchObject({ status: 'error', code: 'BODY_TOO_LARGE' });
  });

  it('subscribes to nothing and logs no error for all of that', async () => {
    expect(await hivesOf(queen.url)).toEqual([]);
    expect(log.errors).toEqual([]);
  });

  it('is not polluted by a hostile body', async () => {
    await post('{"hive_id":"","hive_url":"","__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":1}}}');
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  });

  it('answers at once and says what came of the dial in the next answer', async () => {
    const startedMs = performance.now();
    const first = await post({ ...GOOD, hive_id: 'nobody', hive_url: 'http://127.0.0.1:9' });
    expect(first.status).toBe(400);
    const nobody = { hive_id: 'nobody', hive_url: 'http://127.0.0.1:1024' };
    expect((await post(nobody)).body).toMatchObject({ status: 'ok', subscription: 'connecting' });
    expect(performance.now() - startedMs).toBeLessThan(1_000);
    await hiveThat(queen.url, 'nobody', ({ last_error }) => last_error !== null, 'dialled');
    const { body } = await post(nobody);
    expect(body).toMatchObject({ status: 'ok', subscription: 'unreachable' });
    expect((body as { last_error: string }).last_error).toMatch(/ECONNREFUSED/);
  });

  it('is idempotent: a hundred calls, one stream', async () => {
    await using hive = await FakeHive.start({ hiveId: 'often', intervalMs: 200 });
    for (let call = 0; call < 100; call++) await hive.announceTo(queen.url);
    await hiveThat(queen.url, 'often', ({ connection }) => connection === 'connected', 'connected');
    await hive.announceTo(queen.url);
    expect(hive.requests).toHaveLength(1);
    expect(hive.openStreams).toBe(1);
  });

  it('refuses a live id from another URL and leaves the first untouched', async () => {
    await using first = await FakeHive.start({ hiveId: 'twin', bootId: 'one', intervalMs: 200 });
    await using second = await FakeHive.start({ hiveId: 'twin', bootId: 'two', intervalMs: 200 });
    await first.announceTo(queen.url);
    await hiveThat(queen.url, 'twin', ({ connection }) => connection === 'connected', 'connected');
    const { status, body } = await second.announceTo(queen.url);
    expect(status).toBe(409);
    expect(body).toMatchObject({ code: 'HIVE_CONFLICT' });
    expect(body['message']).toContain(first.url);
    expect(body['message']).toContain(second.url);
    expect(second.requests).toHaveLength(0);
    expect(first.openStreams).toBe(1);
  });

  it('adopts a hive that moved', async () => {
    const old = await FakeHive.start({ hiveId: 'mover', bootId: 'one', intervalMs: 200 });
    await old.announceTo(queen.url);
    await hiveThat(queen.url, 'mover', ({ connection }) => connection === 'connected', 'connected');
    await old[Symbol.asyncDispose]();
    await hiveThat(queen.url, 'mover', ({ connection }) => connection !== 'connected', 'gone');
    await using moved = await FakeHive.start({ hiveId: 'mover', bootId: 'two', intervalMs: 200 });
    expect((await moved.announceTo(queen.url)).status).toBe(200);
    const view = await hiveThat(queen.url, 'mover', ({ connection }) => connection === 'connected', 'connected');
    expect(view.hive_url).toBe(moved.url);
  });

  it('replaces the stream of a hive that restarted', async () => {
    await using before = await FakeHive.start({ hiveId: 'phoenix', bootId: 'one', intervalMs: 200 });
    await before.announceTo(queen.url);
    await hiveThat(queen.url, 'phoenix', ({ connection }) => connection === 'connected', 'connected');
    await before.announceTo(queen.url, { boot_id: 'two' });
    await hiveThat(queen.url, 'phoenix', () => before.requests.length === 2 && before.openStreams === 1, 'read once');
  });

  it('is documented with examples and every error', async () => {
    const { body } = await request(queen.url).get('/docs-json');
    const { responses, requestBody } = (body as OpenApi).paths['/v1/hive/ready'].post;
    expect(Object.keys(responses).sort()).toEqual(['200', '400', '409', '413', '503']);
    expect(JSON.stringify(responses['400'])).toContain('REQUEST_INVALID');
    expect(JSON.stringify(requestBody)).toContain('ReadyDto');
    expect(JSON.stringify(body)).toContain('"example":"gpu-a"');
  });
});

interface OpenApi {
  readonly paths: {
    readonly '/v1/hive/ready': {
      readonly post: { readonly responses: Record<string, object>; readonly requestBody: object };
    };
  };
}
