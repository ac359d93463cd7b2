import { describe, expect, it } from '@jest/globals';

import type { HiveTelemetryEvent } from '#contracts';
import { eventually, ServiceProcess, SseProbe } from '#testing';

const STREAM = '/v1/heartbeats/stream';
const QUEEN = ['--port', '0', '--ssh-config', '/nonexistent'];
const hiveArgs = (id: string, queenUrl: string): string[] => ['--port', '0', '--id', id, '--queen-url', queenUrl];

const seqsOf = (viewer: SseProbe, hiveId: string): readonly number[] =>
  viewer.ofType('hive_telemetry').flatMap(({ json }) => (json['hive_id'] === hiveId ? [Number(json['seq'])] : []));

const consecutive = (seqs: readonly number[]): readonly number[] => seqs.map((_, index) => (seqs[0] ?? 0) + index);

describe('a queen and hives as processes', () => {
  it('works when the queen is first', async () => {
    await using queen = new ServiceProcess('queen', QUEEN);
    using viewer = new SseProbe(`${await queen.url()}${STREAM}`);
    await viewer.waitFor('the snapshot', ({ event }) => event === 'snapshot');
    await using _hive = new ServiceProcess('hive', hiveArgs('gpu-a', await queen.url()));
    const { json } = await viewer.waitFor('telemetry', (event) => event.json['type'] === 'hive_telemetry');
    expect(json).toMatchObject({ hive_id: 'gpu-a', collection: { status: 'ok' } });
    await eventually('five a second apart', () => seqsOf(viewer, 'gpu-a').length >= 5);
    const events = viewer.ofType('hive_telemetry');
    const spanMs = (events[4]?.arrivedMs ?? 0) - (events[0]?.arrivedMs ?? 0);
    expect(spanMs).toBeGreaterThan(3_500);
    expect(spanMs).toBeLessThan(4_500);
    expect(viewer.ofType('queen').length).toBeGreaterThanOrEqual(1);
    const latest = events.at(-1)?.json as unknown as HiveTelemetryEvent;
    expect(latest.node.cpu_pct).not.toBeNull();
    expect(latest.node.uptime_s).toBeGreaterThan(0);
  });

  it('works when the hive is first', async () => {
    const placeholder = new ServiceProcess('queen', QUEEN);
    const queenUrl = await placeholder.url();
    await placeholder.end('SIGKILL');
    await using hive = new ServiceProcess('hive', hiveArgs('gpu-a', queenUrl));
    await eventually('the hive has tried', () => hive.stderr.includes('does not answer yet'));
    await using queen = new ServiceProcess('queen', ['--port', new URL(queenUrl).port, '--ssh-config', '/nonexistent']);
    using viewer = new SseProbe(`${await queen.url()}${STREAM}`);
    await viewer.waitFor('telemetry', ({ json }) => json['type'] === 'hive_telemetry');
  });

  it('works when the queen finds the hive in the SSH configuration', async () => {
    await using hive = new ServiceProcess('hive', ['--port', '0', '--id', 'gpu-a']);
    const { port } = new URL(await hive.url());
    const sshConfig = new URL('./ssh_config', import.meta.url).pathname;
    await using queen = new ServiceProcess('queen', [
      ...['--port', '0', '--ssh-config', sshConfig],
      ...['--hive-port', port, '--discovery-delay-ms', '100'],
    ]);
    using viewer = new SseProbe(`${await queen.url()}${STREAM}`);
    await viewer.waitFor('telemetry', ({ json }) => json['type'] === 'hive_telemetry');
    const response = await fetch(`${await queen.url()}/v1/hives/gpu-a`);
    expect(await response.json()).toMatchObject({
      found_by: 'ssh-config',
      hive_url: `http://127.0.0.1:${port}`,
      devices: expect.arrayContaining([expect.objectContaining({ id: 'CPU-0' })]),
    });
    expect(hive.stderr).toContain(`adopted the queen at ${await queen.url()}`);
  });

  it('merges three hives; stopping one leaves the others untouched', async () => {
    await using queen = new ServiceProcess('queen', QUEEN);
    const queenUrl = await queen.url();
    using viewer = new SseProbe(`${queenUrl}${STREAM}`);
    await using _a = new ServiceProcess('hive', hiveArgs('a', queenUrl));
    await using _b = new ServiceProcess('hive', hiveArgs('b', queenUrl));
    await using c = new ServiceProcess('hive', hiveArgs('c', queenUrl));
    await eventually('all three', () => ['a', 'b', 'c'].every((id) => seqsOf(viewer, id).length >= 2), 20_000);
    expect(await c.end('SIGTERM')).toMatchObject({ code: 0 });
    const state = await viewer.waitFor(
      'c stopped',
      ({ json }) => json['type'] === 'hive_state' && json['hive_id'] === 'c' && json['connection'] === 'stopped',
    );
    expect(state.json).toMatchObject({ health: 'down', reason: 'the hive stopped' });
    const seen = seqsOf(viewer, 'a').length;
    await eventually('a and b go on', () => seqsOf(viewer, 'a').length > seen + 3);
    for (const id of ['a', 'b']) expect(seqsOf(viewer, id)).toEqual(consecutive(seqsOf(viewer, id)));
    await eventually('the queen counts two', () => viewer.ofType('queen').at(-1)?.json['hives_online'] === 2);
  });

  it.each(['queen', 'hive'] as const)('a %s says closing on SIGTERM and ends with 0 in under 2 s', async (service) => {
    await using queen = new ServiceProcess('queen', QUEEN);
    await using hive = new ServiceProcess('hive', hiveArgs('gpu-a', await queen.url()));
    const [ending, url] = service === 'queen' ? [queen, await queen.url()] : [hive, await hive.url()];
    using viewer = new SseProbe(`${url}${STREAM}`);
    await eventually('two events', () => viewer.events.length >= 2);
    const { code, tookMs } = await ending.end('SIGTERM');
    expect(code).toBe(0);
    expect(tookMs).toBeLessThan(2_000);
    expect(viewer.events.at(-1)).toMatchObject({ event: 'closing', json: { type: 'closing', reason: 'shutdown' } });
  });
});
