import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { describe, expect, it } from '@jest/globals';
import request from 'supertest';

import { eventually, FakeHive, SseProbe, TempTree } from '#testing';

import { hivesOf, hiveThat, LogProbe, startQueen } from './queen-under-test.js';

const fileOf = (state: TempTree): string => join(state.root, 'queen-state.json');

describe('the memory of a queen', () => {
  it('reads a known hive again after a restart, without a word from it', async () => {
    using state = new TempTree();
    await using hive = await FakeHive.start({ hiveId: 'gpu-a', intervalMs: 100 });
    const before = await startQueen(['--state-dir', state.root]);
    await hive.announceTo(before.url);
    await hiveThat(before.url, 'gpu-a', ({ connection }) => connection === 'connected', 'connected');
    await before[Symbol.asyncDispose]();
    await using after = await startQueen(['--state-dir', state.root]);
    const view = await hiveThat(after.url, 'gpu-a', ({ connection }) => connection === 'connected', 'connected');
    expect(view).toMatchObject({ found_by: 'state-file', hive_url: hive.url, boot_id: hive.bootId });
    await hive.announceTo(after.url);
    expect((await hivesOf(after.url))[0]).toMatchObject({ found_by: 'callback' });
    expect(hive.openStreams).toBe(1);
  });

  it('shows a known hive that is gone as unknown, not as forgotten, and forgets it when told', async () => {
    using state = new TempTree();
    const gone = {
      hive_id: 'gone',
      hive_url: 'http://127.0.0.1:1024',
      boot_id: null,
      version: null,
      interval_ms: 1000,
    };
    state.write({ 'queen-state.json': JSON.stringify({ schema: 1, hives: [gone] }) });
    await using queen = await startQueen(['--state-dir', state.root]);
    const view = await hiveThat(queen.url, 'gone', ({ last_error }) => last_error !== null, 'dialled');
    expect(view).toMatchObject({ connection: 'unknown', health: 'down', found_by: 'state-file' });
    await request(queen.url).delete('/v1/hives/gone').expect(204);
    await eventually('the file forgets it', () => !readFileSync(fileOf(state), 'utf8').includes('gone'));
  });

  it('starts with more known hives than may wait for a dial, and asks newcomers to come back', async () => {
    const hives = Array.from({ length: 2_500 }, (_, index) => ({
      hive_id: `h${index}`,
      hive_url: `http://127.0.0.1:${20_000 + index}`,
      boot_id: null,
      version: null,
      interval_ms: 1000,
    }));
    using state = new TempTree({ 'queen-state.json': JSON.stringify({ schema: 1, hives }) });
    await using queen = await startQueen(['--state-dir', state.root, '--dials-per-s', '1']);
    expect(await hivesOf(queen.url)).toHaveLength(2_500);
    await using hive = await FakeHive.start({ hiveId: 'new' });
    expect(await hive.announceTo(queen.url)).toMatchObject({ status: 503, body: { code: 'QUEEN_BUSY' } });
  });

  it('reports a corrupt file once, ignores it, and replaces it with the next change', async () => {
    using state = new TempTree({ 'queen-state.json': '{"schema":1,"hi' });
    const log = new LogProbe();
    await using hive = await FakeHive.start({ hiveId: 'gpu-a' });
    await using queen = await startQueen(['--state-dir', state.root], log);
    expect(await hivesOf(queen.url)).toEqual([]);
    expect(log.warnings).toEqual([expect.stringContaining('queen-state.json is ignored')]);
    await hive.announceTo(queen.url);
    await eventually('the file', () => readFileSync(fileOf(state), 'utf8').includes('gpu-a'));
  });

  it('runs on with a warning where it can remember nothing', async () => {
    const log = new LogProbe();
    await using hive = await FakeHive.start({ hiveId: 'gpu-a', intervalMs: 100 });
    await using other = await FakeHive.start({ hiveId: 'gpu-b', intervalMs: 100 });
    await using queen = await startQueen(['--state-dir', '/dev/null/nowhere'], log);
    for (const each of [hive, other]) await each.announceTo(queen.url);
    await hiveThat(queen.url, 'gpu-b', ({ connection }) => connection === 'connected', 'connected');
    expect(log.warnings.filter((warning) => warning.includes("can't be written"))).toHaveLength(1);
    expect(log.errors).toEqual([]);
  });

  it('forgets a hive that is gone for long enough', async () => {
    const hive = await FakeHive.start({ hiveId: 'brief', intervalMs: 100 });
    await using queen = await startQueen(['--forget-after-s', '1']);
    await hive.announceTo(queen.url);
    await hiveThat(queen.url, 'brief', ({ connection }) => connection === 'connected', 'connected');
    await eventually('two seconds of telemetry', () => hive.seq > 20);
    expect(await hivesOf(queen.url)).toHaveLength(1);
    await hive[Symbol.asyncDispose]();
    await eventually('it is forgotten', async () => (await hivesOf(queen.url)).length === 0);
  });
});

describe('two hives of one name', () => {
  it('shows the contest on the first, and keeps reading it', async () => {
    await using queen = await startQueen();
    await using first = await FakeHive.start({ hiveId: 'twin', bootId: 'one', intervalMs: 100 });
    await using second = await FakeHive.start({ hiveId: 'twin', bootId: 'two', intervalMs: 100 });
    using viewer = new SseProbe(`${queen.url}/v1/heartbeats/stream?type=hive_state`);
    await first.announceTo(queen.url);
    await hiveThat(queen.url, 'twin', ({ connection }) => connection === 'connected', 'connected');
    expect((await second.announceTo(queen.url)).status).toBe(409);
    const view = await hiveThat(queen.url, 'twin', ({ connection }) => connection === 'conflict', 'in conflict');
    expect(view).toMatchObject({ hive_url: first.url, health: 'healthy', conflict: { hive_url: second.url } });
    await viewer.waitFor('the conflict', ({ json }) => json['connection'] === 'conflict');
    const { seq } = first;
    await hiveThat(queen.url, 'twin', ({ telemetry }) => (telemetry?.seq ?? 0) > seq + 5, 'read on');
    expect(second.requests).toHaveLength(0);
  });
});

describe('a hive that comes and goes', () => {
  it('is marked, its telemetry passes on, and its state is told at most every 2 s', async () => {
    await using queen = await startQueen();
    await using hive = await FakeHive.start({ hiveId: 'flappy', intervalMs: 50 });
    using viewer = new SseProbe(`${queen.url}/v1/heartbeats/stream`);
    await hive.announceTo(queen.url);
    for (let flap = 0; flap < 8; flap++) {
      await eventually('the stream', () => hive.openStreams === 1);
      const { seq } = hive;
      await viewer.waitFor('telemetry', ({ json }) => json['type'] === 'hive_telemetry' && Number(json['seq']) > seq);
      const asked = hive.requests.length;
      hive.endStreams();
      // The queen may be back sooner than anybody looks.
      await eventually('the end', () => hive.openStreams === 0 || hive.requests.length > asked);
      await hive.announceTo(queen.url);
    }
    await hiveThat(queen.url, 'flappy', ({ flapping }) => flapping, 'marked');
    await hiveThat(queen.url, 'flappy', ({ connection }) => connection === 'connected', 'connected');
    const told = (): readonly number[] => viewer.ofType('hive_state').map(({ arrivedMs }) => arrivedMs);
    await viewer.waitFor(
      'the last word is right',
      ({ json }) => viewer.ofType('hive_state').at(-1)?.json === json && json['connection'] === 'connected',
    );
    const gaps = told()
      .slice(-3)
      .map((atMs, index, all) => atMs - (all[index - 1] ?? 0))
      .slice(1);
    expect(gaps.at(-1)).toBeGreaterThan(1_500);
  });
});
