import { type ChildProcess, spawn } from 'node:child_process';

import { describe, expect, it } from '@jest/globals';

import { eventually, ManualClock } from '#testing';

import { portableGpuMonitor } from './portable-gpu.monitor.js';

/** Children that run this script, and a list of them. */
function scripted(...scripts: readonly string[]): { start: () => ChildProcess; children: ChildProcess[] } {
  const children: ChildProcess[] = [];
  const start = (): ChildProcess => {
    const script = scripts[Math.min(children.length, scripts.length - 1)] ?? '';
    const child = spawn(process.execPath, ['--eval', script], { detached: true, stdio: ['ignore', 'pipe', 'ignore'] });
    children.push(child);
    return child;
  };
  return { start, children };
}

const print = (value: unknown): string => `process.stdout.write(${JSON.stringify(JSON.stringify(value))})`;

// As `systeminformation` 5 describes the controllers of a Mac (lib/graphics.js), of a PC, and NVIDIA's.
const APPLE = { vendor: 'Apple', model: 'Apple M2 Ultra', bus: 'Built-In', vram: null, vramDynamic: true, cores: 76 };
const RADEON = { vendor: 'Advanced Micro Devices, Inc.', model: 'Radeon Pro W6800X', vram: 32_768, vramDynamic: false };
const GEFORCE = { vendor: 'NVIDIA', model: 'GeForce RTX 4090', vram: 24_564, vramDynamic: false };

const inTime = (): AbortSignal => AbortSignal.timeout(10_000);

describe('portableGpuMonitor', () => {
  it('names the cards and the memory of their own, without those of NVIDIA', async () => {
    const { start } = scripted(print([APPLE, RADEON, GEFORCE, {}, null, 'text']));
    const reading = await portableGpuMonitor(new ManualClock(), start).read(inTime());
    if (reading === 'absent') throw new Error('absent');
    expect(reading.gpus?.map(({ vendor, name, vram_total_mb, state }) => [vendor, name, vram_total_mb, state])).toEqual(
      [
        ['Apple', 'Apple M2 Ultra', null, 'ok'],
        ['Advanced Micro Devices, Inc.', 'Radeon Pro W6800X', 32_768, 'ok'],
      ],
    );
    expect(reading.gpus?.[0]).toMatchObject({ source: 'systeminformation', util_pct: null, processes: null });
  });

  it('asks once a minute and tells how old the answer is', async () => {
    const clock = new ManualClock();
    const { start, children } = scripted(print([APPLE]));
    const monitor = portableGpuMonitor(clock, start);
    await monitor.read(inTime());
    clock.advance(59_000);
    expect(await monitor.read(inTime())).toMatchObject({ gpus: [{ ageMs: 59_000 }] });
    expect(children).toHaveLength(1);
    clock.advance(1000);
    expect(await monitor.read(inTime())).toMatchObject({ gpus: [{ ageMs: 0 }] });
    expect(children).toHaveLength(2);
  });

  it('is absent where there is none', async () => {
    const { start } = scripted(print([GEFORCE]));
    expect(await portableGpuMonitor(new ManualClock(), start).read(inTime())).toBe('absent');
  });

  it.each([
    ['fails', 'process.exit(3)', 'ended (3)'],
    ['prints no list', 'process.stdout.write("{}")', 'no list'],
    ['prints half of one', 'process.stdout.write("[{")', 'JSON'],
    ['never stops printing', 'setInterval(() => process.stdout.write("x".repeat(65536)), 1)', 'SIGKILL'],
  ])('fails with a reason where the child %s', async (_what, script, reason) => {
    const { start } = scripted(script);
    await expect(portableGpuMonitor(new ManualClock(), start).read(inTime())).rejects.toThrow(reason);
  });

  it('kills a child that hangs, and starts the next when it has ended', async () => {
    const { start, children } = scripted('setInterval(() => {}, 1000)', print([APPLE]));
    const monitor = portableGpuMonitor(new ManualClock(), start);
    await expect(monitor.read(AbortSignal.timeout(50))).rejects.toThrow();
    await eventually('it has ended', () => children[0]?.signalCode === 'SIGKILL');
    expect(await eventually('the next answers', () => monitor.read(inTime()))).toMatchObject({ gpus: [{}] });
    expect(children).toHaveLength(2);
  });

  it('leaves no child behind', async () => {
    const { start, children } = scripted('setInterval(() => {}, 1000)');
    const monitor = portableGpuMonitor(new ManualClock(), start);
    const reading = monitor.read(inTime());
    monitor[Symbol.dispose]?.();
    await expect(reading).rejects.toThrow('SIGKILL');
    expect(children[0]?.signalCode).toBe('SIGKILL');
  });

  it('runs the real library', async () => {
    const reading = await portableGpuMonitor(new ManualClock()).read(AbortSignal.timeout(20_000));
    for (const gpu of reading === 'absent' ? [] : (reading.gpus ?? [])) expect(gpu.source).toBe('systeminformation');
  }, 25_000);
});
