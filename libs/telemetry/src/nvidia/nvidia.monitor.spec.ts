import { symlinkSync } from 'node:fs';
import { join } from 'node:path';

import { afterEach, describe, expect, it } from '@jest/globals';

import { type Clock, SystemClock } from '#service-kit';
import { eventually, FakeNvidiaSmi, ManualClock, TempTree } from '#testing';

import { composeSample } from '../compose-sample.js';
import type { Contribution, GpuObservation } from '../monitor.js';
import { MonitorRunner } from '../monitor-runner.js';
import type { GpuBackend, TelemetryConfig } from '../monitors.js';
import { Sightings } from '../sightings.js';
import { unknownGpu } from '../unknown-gpu.js';
import type { BackendChoice } from './backend-chooser.js';
import { nvidiaSources } from './nvidia-backends.js';
import { NvidiaMonitor } from './nvidia.monitor.js';

const T4 = '00000000:00:1E.0';
const open: Disposable[] = [];

afterEach(() => {
  for (const each of open.splice(0).reverse()) each[Symbol.dispose]();
});

function opened<T extends Disposable>(each: T): T {
  open.push(each);
  return each;
}

const config = (changes: Partial<TelemetryConfig>): TelemetryConfig => ({
  procRoot: '/proc',
  sysRoot: '/nonexistent',
  cgroupRoot: '/nonexistent',
  cgroupSlice: 'rbee.slice',
  gpuBackend: 'nvidia-smi',
  nvidiaSmi: undefined,
  path: '',
  nvmlLibrary: 'libnvidia-ml.so.1',
  libraryPath: '',
  pcieThroughput: false,
  engineMetrics: true,
  intervalMs: 100,
  ...changes,
});

function monitorOf(
  changes: Partial<TelemetryConfig>,
  kmsg?: string,
  clock: Clock = new SystemClock(),
  sightings = new Sightings(),
): NvidiaMonitor {
  const sources = nvidiaSources(config(changes), clock);
  if (sources === undefined) throw new Error('no sources');
  return opened(new NvidiaMonitor({ ...sources, kmsg }, clock, sightings));
}

async function read(monitor: NvidiaMonitor): Promise<Contribution> {
  const reading = await monitor.read(AbortSignal.timeout(10_000));
  if (reading === 'absent') throw new Error('absent');
  return reading;
}

/** One back end that gives what the test says. */
function choiceOf(cards: () => readonly GpuObservation[]): BackendChoice {
  const backend = { name: 'nvml' as const, read: () => Promise.resolve(cards()), [Symbol.dispose]: () => undefined };
  return { create: () => backend, absence: '' };
}

const cardAt = (pci_bus_id: string, more: Partial<GpuObservation> = {}): GpuObservation =>
  unknownGpu({ vendor: 'NVIDIA', source: 'nvml', pci_bus_id, vram_used_mb: 1, ...more });

describe('NvidiaMonitor', () => {
  it('reads the cards and names who holds their memory', async () => {
    const fake = opened(new FakeNvidiaSmi('tesla-t4'));
    const sightings = new Sightings();
    const monitor = monitorOf({ nvidiaSmi: fake.path }, undefined, new SystemClock(), sightings);
    expect(await read(monitor)).toMatchObject({ gpus: [{ name: 'Tesla T4', source: 'nvidia-smi' }] });
    await eventually('the holders', async () => (await read(monitor), sightings.gpuHolders.size === 2));
    expect([...sightings.gpuHolders].sort()).toEqual([5762, 675]);
  });

  it('falls back on the XML where the stream fails, and says why', async () => {
    const fake = opened(new FakeNvidiaSmi('tesla-t4'));
    fake.behave('exit 7');
    const monitor = monitorOf({ nvidiaSmi: fake.path });
    const { gpus, hint } = await eventually(
      'the last resort',
      async () => {
        const reading = await read(monitor);
        return reading.hint === undefined ? undefined : reading;
      },
      15_000,
    );
    expect(gpus).toMatchObject([{ source: 'nvidia-smi -q -x', vram_used_mb: 1032 }]);
    expect(hint).toBe('read through nvidia-smi -q -x: nvidia-smi ended (7)');
    expect(fake.alive('gpu')).toEqual([]);
  });

  it('keeps a card in sight that the driver no longer lists, as lost, until it comes back', async () => {
    const fake = opened(new FakeNvidiaSmi('made-h100-v13'));
    const monitor = monitorOf({ nvidiaSmi: fake.path });
    const states = async (): Promise<string> => (await read(monitor)).gpus!.map(({ state }) => state).join();
    expect(await states()).toBe('ok,ok');
    fake.behave('cards 1');
    await eventually('one is lost', async () => (await states()) === 'ok,lost');
    fake.behave('play');
    await eventually('it is back', async () => (await states()) === 'ok,ok');
  });

  it('knows of an Xid error what the kernel said, unless the back end knows better', async () => {
    const tree = opened(
      new TempTree({
        kmsg: '4,1,1,-;NVRM: Xid (PCI:0000:0a:00): 79, gone\n4,1,1,-;NVRM: Xid (PCI:0000:0b:00): 63, row\n',
      }),
    );
    const cards = [cardAt('00000000:0A:00.0'), cardAt('00000000:0B:00.0', { xid_last: 48 }), cardAt(T4)];
    const sources = { choices: [choiceOf(() => cards)], demanded: undefined, sysRoot: '/nonexistent' };
    const monitor = opened(
      new NvidiaMonitor({ ...sources, kmsg: join(tree.root, 'kmsg') }, new ManualClock(), new Sightings()),
    );
    expect((await read(monitor)).gpus?.map(({ xid_last }) => xid_last)).toEqual([79, 48, null]);
  });

  it('says which setting is no executable', async () => {
    const tree = opened(new TempTree({ 'plain-file': '#!/bin/sh\n' }));
    for (const path of [join(tree.root, 'missing'), join(tree.root, 'plain-file'), tree.root]) {
      await expect(read(monitorOf({ nvidiaSmi: path }))).rejects.toThrow(`${path} is not an executable file`);
    }
  });
});

describe('NvidiaMonitor without an nvidia-smi', () => {
  it('is absent where the choice is its own, and looks again only after a minute', async () => {
    const fake = opened(new FakeNvidiaSmi('tesla-t4'));
    const tree = opened(new TempTree({ 'bin/': '' }));
    const time = new ManualClock();
    const path = `:/no/such/folder:${tree.root}/bin`;
    const nvmlLibrary = '/nonexistent/libnvidia-ml.so.1';
    const monitor = monitorOf({ gpuBackend: 'auto', path, nvmlLibrary }, undefined, time);
    const readRaw = (): Promise<unknown> => monitor.read(AbortSignal.timeout(10_000));
    expect(await readRaw()).toBe('absent');
    symlinkSync(fake.path, join(tree.root, 'bin/nvidia-smi'));
    time.advance(59_000);
    expect(await readRaw()).toBe('absent');
    time.advance(1_000);
    expect(await readRaw()).toMatchObject({ gpus: [{ state: 'ok' }] });
  });

  it('fails where it was asked for by name, and names the setting', async () => {
    const words = 'HIVE_GPU_BACKEND is nvidia-smi, but there is no nvidia-smi on the PATH';
    await expect(read(monitorOf({}))).rejects.toThrow(words);
  });

  it('needs none to demonstrate, and takes no made-up process for one of this machine', async () => {
    const sightings = new Sightings();
    const { gpus } = await read(monitorOf({ gpuBackend: 'demo' }, undefined, new ManualClock(), sightings));
    expect(gpus).toHaveLength(8);
    expect(gpus?.every(({ source, state }) => source === 'demo' && state === 'ok')).toBe(true);
    expect(sightings.gpuHolders.size).toBe(0);
  });

  it.each<[GpuBackend, boolean]>([
    ['none', true],
    ['auto', false],
  ])('has nothing to read through with %s: %s', (gpuBackend, nothing) => {
    expect(nvidiaSources(config({ gpuBackend }), new ManualClock()) === undefined).toBe(nothing);
  });
});

describe('sleeping cards', () => {
  const DEVICE = 'bus/pci/devices/0000:00:1e.0/power/runtime_status';
  const DRIVEN = 'bus/pci/drivers/nvidia/0000:00:1e.0/';

  it('are shown without being woken, keep what is known of them, and wake by themselves', async () => {
    const tree = opened(new TempTree({ [DEVICE]: 'suspended\n', [DRIVEN]: '' }));
    const fake = opened(new FakeNvidiaSmi('tesla-t4'));
    const monitor = monitorOf({ nvidiaSmi: fake.path, sysRoot: tree.root });
    expect((await read(monitor)).gpus).toEqual([
      unknownGpu({ vendor: 'NVIDIA', source: 'sysfs', pci_bus_id: T4, state: 'asleep' }),
    ]);
    expect(fake.runs().started).toBe(0);
    tree.write({ [DEVICE]: 'active\n' });
    expect(await read(monitor)).toMatchObject({ gpus: [{ name: 'Tesla T4', state: 'ok', temp_c: 40 }] });
    tree.write({ [DEVICE]: 'suspended\n' });
    expect(await read(monitor)).toMatchObject({
      gpus: [{ name: 'Tesla T4', state: 'asleep', temp_c: null, vram_used_mb: null, vram_total_mb: 15360 }],
    });
    await eventually('nothing runs that could wake it', () => fake.alive().length === 0);
  });

  it('are asked for by their driver as long as one of them is awake', async () => {
    const tree = opened(new TempTree({ [DEVICE]: 'suspended\n', [DRIVEN]: '' }));
    tree.write({ 'bus/pci/drivers/nvidia/0000:01:00.0/': '' });
    tree.write({ 'bus/pci/devices/0000:01:00.0/power/runtime_status': 'active\n' });
    const fake = opened(new FakeNvidiaSmi('tesla-t4'));
    const monitor = monitorOf({ nvidiaSmi: fake.path, sysRoot: tree.root });
    expect(await read(monitor)).toMatchObject({ gpus: [{ name: 'Tesla T4', state: 'ok' }] });
  });
});

describe('a driver that does not answer', () => {
  /** What a hive shows: the runner's outcome as a sample. */
  function watched(monitor: NvidiaMonitor, clock: ManualClock): () => ReturnType<typeof composeSample> {
    const runner = opened(new MonitorRunner(monitor, clock, 150));
    return () => {
      void runner.start();
      return composeSample([runner.outcome()], 'gpu-a');
    };
  }

  it('leaves the card in sight as wedged, for 30 s with its last values, and after that as what it is', async () => {
    const clock = new ManualClock();
    let hangs = false;
    const backend = {
      name: 'nvml' as const,
      read: () => (hangs ? new Promise<never>(() => undefined) : Promise.resolve([cardAt(T4, { name: 'Tesla T4' })])),
      [Symbol.dispose]: () => undefined,
    };
    const choice = { create: () => backend, absence: '' };
    const sources = { choices: [choice], demanded: undefined, sysRoot: '/nonexistent', kmsg: undefined };
    const sample = watched(new NvidiaMonitor(sources, clock, new Sightings()), clock);
    await eventually('the first reading', () => sample().gpus[0]?.state === 'ok');
    hangs = true;
    await eventually('a reading waits', () => (sample(), true));
    clock.advance(5_000);
    expect(sample().gpus).toMatchObject([{ name: 'Tesla T4', state: 'wedged', vram_used_mb: 1, age_ms: 5_000 }]);
    clock.advance(55_000);
    const { gpus, collection } = sample();
    expect(gpus).toMatchObject([{ name: 'Tesla T4', state: 'wedged', vram_used_mb: null, age_ms: 60_000 }]);
    expect(collection.monitors).toMatchObject([
      { status: 'failed', age_ms: 60_000, error: 'no answer within 5000 ms' },
    ]);
  });

  it('leaves the cards in sight when every reading fails', async () => {
    const clock = new ManualClock();
    let fails = false;
    const choice = choiceOf(() => {
      if (fails) throw new Error('GPU is lost');
      return [cardAt(T4, { name: 'Tesla T4' })];
    });
    const sources = { choices: [choice], demanded: undefined, sysRoot: '/nonexistent', kmsg: undefined };
    const sample = watched(new NvidiaMonitor(sources, clock, new Sightings()), clock);
    await eventually('the first reading', () => sample().gpus[0]?.state === 'ok');
    fails = true;
    const failed = await eventually('it fails', () => {
      const { gpus, collection } = sample();
      return collection.monitors[0]?.status === 'failed' ? gpus : undefined;
    });
    expect(failed).toMatchObject([{ name: 'Tesla T4', state: 'wedged', vram_used_mb: null }]);
  });
});
