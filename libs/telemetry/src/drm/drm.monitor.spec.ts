import { describe, expect, it } from '@jest/globals';

import {
  addDrmCard,
  DrmMachine,
  eventually,
  type MadeCard,
  MI210,
  MI300X,
  removeDrmCard,
  RX_7900_XTX,
  type TreeFiles,
  VIRTIO_GPU,
} from '#testing';

import type { GpuObservation } from '../monitor.js';
import { MonitorRunner } from '../monitor-runner.js';
import { Sightings } from '../sightings.js';
import { DrmMonitor } from './drm.monitor.js';
import { readSensorFile } from './sensor-files.js';

const machineWith = (...cards: readonly MadeCard[]): DrmMachine<GpuObservation> =>
  new DrmMachine(cards, (machine) => {
    return new DrmMonitor(machine.roots, machine.clock, new Sightings(), machine.watched(readSensorFile));
  });

const withFiles = (card: MadeCard, files: TreeFiles): MadeCard => ({ ...card, files: { ...card.files, ...files } });

describe('DrmMonitor', () => {
  it.each<[string, MadeCard[]]>([
    ['no card', []],
    ['the adapter of a virtual machine', [VIRTIO_GPU]],
    ['a card of NVIDIA', [{ ...VIRTIO_GPU, driver: 'nvidia', pciId: '10DE:2330' }]],
    ['an AMD card that is given to a virtual machine', [{ ...MI210, driver: 'vfio-pci' }]],
  ])('is absent with %s', async (_what, cards) => {
    using machine = machineWith(...cards);
    expect(await machine.read()).toBe('absent');
  });

  it('is absent without the folder, and finds a card that comes later', async () => {
    using machine = machineWith();
    machine.sys.remove('class');
    expect(await machine.read()).toBe('absent');
    addDrmCard(machine.sys, MI210);
    expect(await machine.gpus()).toHaveLength(1);
  });

  it('asks a card that sleeps nothing, and keeps who it is', async () => {
    using machine = machineWith(RX_7900_XTX, MI300X);
    await machine.gpus();
    machine.sys.write({ 'class/drm/card0/device/power/runtime_status': 'suspended\n' });
    machine.asked.length = 0;
    const [sleeping, other] = await machine.gpus();
    expect(sleeping).toMatchObject({
      state: 'asleep',
      name: 'AMD GPU 0x744c',
      uuid: '53c1f3a7d4b20e55',
      vram_total_mb: 24_560,
      vram_used_mb: null,
      temp_c: null,
      power_w: null,
      processes: [],
    });
    expect(other).toMatchObject({ state: 'ok', temp_c: 66 });
    expect(machine.asked.filter((path) => !path.includes('card1'))).toEqual([]);
    machine.sys.write({ 'class/drm/card0/device/power/runtime_status': 'active\n' });
    expect((await machine.gpus())[0]).toMatchObject({ state: 'ok', temp_c: 44 });
  });

  it('shows a card that was never awake', async () => {
    using machine = machineWith(withFiles(RX_7900_XTX, { 'power/runtime_status': 'suspended\n' }));
    expect((await machine.gpus())[0]).toMatchObject({ state: 'asleep', name: 'AMD GPU 0x744c', vram_total_mb: null });
    expect(machine.asked).toEqual([]);
  });

  it('lets a card fall asleep: one that may, and does nothing, is read every 15 s', async () => {
    const idle = { gpu_busy_percent: '0\n', mem_info_vram_used: '20971520\n' };
    using machine = machineWith(withFiles(RX_7900_XTX, idle));
    await machine.gpus();
    machine.asked.length = 0;
    machine.clock.advance(14_000);
    expect((await machine.gpus())[0]).toMatchObject({ state: 'ok', temp_c: 44, ageMs: 14_000 });
    expect(machine.asked).toEqual([]);
    machine.clock.advance(1000);
    expect((await machine.gpus())[0]).toMatchObject({ ageMs: 0 });
  });

  it('reads a card every time that computes, holds memory, or may not sleep', async () => {
    const cards = [
      { gpu_busy_percent: '0\n' },
      { mem_info_vram_used: '20971520\n' },
      { gpu_busy_percent: '0\n', mem_info_vram_used: '20971520\n', 'power/control': 'on\n' },
    ];
    for (const files of cards) {
      using machine = machineWith(withFiles(RX_7900_XTX, files));
      await machine.gpus();
      machine.clock.advance(1000);
      expect((await machine.gpus())[0]?.ageMs).toBe(0);
    }
  });

  it('shows a card that falls off the bus as lost, and as itself when it comes back', async () => {
    using machine = machineWith(MI210, MI300X);
    await machine.gpus();
    removeDrmCard(machine.sys, MI210);
    machine.clock.advance(1000);
    const gpus = await machine.gpus();
    expect(gpus.map(({ state, name, temp_c }) => [state, name, temp_c])).toEqual([
      ['ok', 'AMD Instinct MI300X OAM', 66],
      ['lost', 'Instinct MI210', null],
    ]);
    expect(gpus[1]?.ageMs).toBe(1000);
    removeDrmCard(machine.sys, MI300X);
    expect((await machine.gpus()).map(({ state }) => state)).toEqual(['lost', 'lost']);
  });

  it('sets a card aside whose driver hangs: the others go on, and it is not asked again', async () => {
    using machine = machineWith(MI210, MI300X);
    await machine.gpus();
    machine.clock.advance(1000);
    machine.hung = (path) => path.includes('card0') && path.endsWith('power1_average');
    const gaveUp = new AbortController();
    const reading = machine.gpus(gaveUp.signal);
    while (!machine.asked.at(-1)?.endsWith('power1_average')) await new Promise(setImmediate);
    gaveUp.abort();
    expect((await reading).map(({ state, ageMs }) => [state, ageMs])).toEqual([
      ['wedged', 1000],
      ['ok', 1000],
    ]);
    machine.asked.length = 0;
    machine.clock.advance(1000);
    const [wedged, other] = await machine.gpus();
    expect(wedged).toMatchObject({ state: 'wedged', ageMs: 2000, temp_c: 61, util_pct: 87 });
    expect(other).toMatchObject({ state: 'ok', ageMs: 0 });
    expect(machine.asked.filter((path) => path.includes('card0'))).toEqual([]);
    machine.recover();
    await eventually('the driver answers', async () => (await machine.gpus()).every(({ state }) => state === 'ok'));
  });

  it('waits where a second driver hangs, so that never a third thread is lost', async () => {
    const third = { ...MI300X, minor: 2, path: ['0000:00:02.1', '0000:06:00.0'] };
    using machine = machineWith(MI210, MI300X, third);
    machine.hung = () => true;
    await machine.gpus(AbortSignal.timeout(20));
    expect(machine.asked).toHaveLength(1);
    let isOver = false;
    const waiting = machine.gpus(AbortSignal.timeout(20)).finally(() => (isOver = true));
    await eventually('the second is asked', () => machine.asked.length === 2);
    for (let turn = 0; turn < 100; turn += 1) await new Promise(setImmediate);
    expect([isOver, machine.asked.length]).toEqual([false, 2]);
    machine.recover();
    expect((await waiting).map(({ pci_bus_id }) => pci_bus_id)).toHaveLength(3);
  });

  it('costs its runner one budget when a driver hangs, and is at full rate again in the next sample', async () => {
    using machine = machineWith(MI210, MI300X);
    const monitor = { name: 'drm', budgetMs: 2000, read: (signal: AbortSignal) => machine.read(signal) };
    using runner = new MonitorRunner(monitor, machine.clock, 3000);
    machine.hung = (path) => path.includes('card0');
    const hangs = runner.start();
    await eventually('the driver hangs', () => machine.asked.length === 1);
    machine.clock.advance(2000);
    await hangs;
    await runner.start();
    const { report, contribution } = runner.outcome();
    expect(report).toMatchObject({ status: 'ok', age_ms: 0 });
    expect(contribution?.gpus?.map(({ state, temp_c }) => [state, temp_c])).toEqual([
      ['wedged', null],
      ['ok', 66],
    ]);
  });
});
