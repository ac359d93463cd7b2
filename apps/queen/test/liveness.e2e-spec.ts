import { Test } from '@nestjs/testing';
import { describe, expect, it } from '@jest/globals';

import type { HiveStateEvent } from '#contracts';
import { Clock } from '#service-kit';
import { eventually, FakeHive, ManualClock, TempTree } from '#testing';

import { loadQueenConfig } from '../src/config/queen-config.js';
import { HiveDirectory } from '../src/directory/hive-directory.js';
import { QueenModule } from '../src/queen.module.js';
import { TelemetryRegistry } from '../src/registry/telemetry-registry.js';

/** A queen whose time stands still until a test moves it; its sockets are real. */
async function startTimelessQueen() {
  const clock = new ManualClock();
  const state = new TempTree();
  const config = loadQueenConfig({ argv: ['--ssh-config', '/nonexistent', '--state-dir', state.root], env: {} });
  const testing = await Test.createTestingModule({ imports: [QueenModule.with(config)] })
    .overrideProvider(Clock)
    .useValue(clock)
    .compile();
  const app = await testing.init();
  const registry = app.get(TelemetryRegistry);
  const states: string[] = [];
  registry.changes$.subscribe(({ event }) => {
    if (event.type === 'hive_state') states.push(describeState(event));
  });
  const close = async (): Promise<void> => {
    await app.close();
    state[Symbol.dispose]();
  };
  const read = async (hive: FakeHive): Promise<void> => {
    app.get(HiveDirectory).admit(endpoint(hive));
    await eventually('the stream', () => hive.openStreams === 1);
    hive.beat();
    await eventually('connected', () => states.at(-1) === 'connected healthy');
  };
  return { clock, registry, states, read, [Symbol.asyncDispose]: close };
}

const describeState = ({ connection, health }: HiveStateEvent): string => `${connection} ${health}`;

const endpoint = (hive: FakeHive) => ({
  hiveId: hive.hiveId,
  url: hive.url,
  foundBy: 'callback' as const,
  bootId: hive.bootId,
  version: null,
  intervalMs: 1000,
  devices: null,
});

describe('liveness, on the clock of the queen', () => {
  it('degrades at 3 intervals, tears down at 5, comes back with the next telemetry', async () => {
    await using hive = await FakeHive.start({ hiveId: 'gpu-a' });
    await using queen = await startTimelessQueen();
    await queen.read(hive);
    queen.clock.advance(2_750);
    expect(queen.states.at(-1)).toBe('connected healthy');
    queen.clock.advance(500);
    expect(queen.states.at(-1)).toBe('connected degraded');
    expect(queen.registry.summary()).toMatchObject({ hives_online: 1, hives_available: 0 });
    queen.clock.advance(1_500);
    expect(queen.states.at(-1)).toBe('connected degraded');
    queen.clock.advance(500);
    expect(queen.states.at(-1)).toBe('reconnecting down');
    expect(queen.registry.summary()).toMatchObject({ hives_online: 0, worker_ids: [] });
    queen.clock.advance(500);
    await eventually('one new stream', () => hive.requests.length === 2 && hive.openStreams === 1);
    hive.beat();
    await eventually('connected again', () => queen.states.at(-1) === 'connected healthy');
    expect(queen.registry.view('gpu-a')?.telemetry?.seq).toBe(2);
  });

  it('blames no hive for the time that it stood still itself', async () => {
    await using hive = await FakeHive.start({ hiveId: 'gpu-a' });
    await using queen = await startTimelessQueen();
    await queen.read(hive);
    queen.clock.stall(60_000);
    queen.clock.advance(1_000);
    expect(queen.states.at(-1)).toBe('connected healthy');
    expect(hive.requests).toHaveLength(1);
  });
});
