import { readdirSync, symlinkSync } from 'node:fs';
import { readFile } from 'node:fs/promises';

import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';

import { eventually, ManualClock, NvmlStub, STUB_H100, type StubCard, type StubLines, TempTree } from '#testing';

import type { GpuObservation } from '../../monitor.js';
import { unknownGpu } from '../../unknown-gpu.js';
import { NvmlBackend } from './nvml-backend.js';

const ADDRESS = '00000000:1B:00.0';

const card = (lines: StubLines = {}, slices: readonly StubLines[] = []): StubCard => ({
  lines: { ...STUB_H100, ...lines },
  slices,
});

/** All threads of this process; those of libuv's pool, which start with the first work, are there from the beginning. */
const threadCount = (): number => readdirSync('/proc/self/task').length;
await Promise.all(Array.from({ length: 16 }, () => readFile('/proc/self/stat')));

const suite = NvmlStub.hasCompiler ? describe : describe.skip;

suite(`NvmlBackend in trouble${NvmlStub.hasCompiler ? '' : ' (skipped: no C compiler)'}`, () => {
  let stub: NvmlStub;
  let clock: ManualClock;
  let sys: TempTree;
  let backend: NvmlBackend;
  let threads: number;

  beforeEach(() => {
    threads = threadCount();
    stub = new NvmlStub();
    clock = new ManualClock();
    sys = new TempTree();
    backend = open();
  });

  afterEach(async () => {
    backend[Symbol.dispose]();
    await eventually('no thread is left', () => threadCount() === threads);
    stub[Symbol.dispose]();
    sys[Symbol.dispose]();
  });

  function open(options: { library?: string; pcieThroughput?: boolean } = {}): NvmlBackend {
    return new NvmlBackend(
      { library: stub.path, libraryPath: '', pcieThroughput: false, sysRoot: sys.root, ...options },
      clock,
    );
  }

  async function read(): Promise<readonly GpuObservation[]> {
    const gpus = await backend.read();
    if (gpus === 'absent') throw new Error('the library is absent');
    return gpus;
  }

  /** A second later. */
  async function readLater(): Promise<readonly GpuObservation[]> {
    clock.advance(1000);
    return read();
  }

  describe('cards that come, go and sleep', () => {
    const other = card({ pci: '00000000:D1:00.0', uuid: 'GPU-2222' });

    it('shows a card that fell off the bus as lost, and the others as ever', async () => {
      stub.play([card(), other]);
      await read();
      stub.play([card({ lost: 1 }), other]);
      const known = {
        ...{ vendor: 'NVIDIA', source: 'nvml', pci_bus_id: ADDRESS, driver_version: '999.1' },
        ...{ name: 'NVIDIA H100 80GB HBM3', uuid: 'GPU-1111', compute_capability: '9.0' },
        ...{ vram_total_mb: 81559, mig_mode: 'disabled' as const, state: 'lost' as const },
      };
      expect(await readLater()).toEqual([unknownGpu(known), expect.objectContaining({ state: 'ok', temp_c: 64 })]);
      clock.advance(60_000);
      expect((await read())[0]).toEqual(unknownGpu(known));
    });

    it('notices a card that comes and one that goes', async () => {
      stub.play([card()]);
      await read();
      stub.play([card(), other]);
      expect((await readLater()).map(({ uuid }) => uuid)).toEqual(['GPU-1111', 'GPU-2222']);
      stub.play([other]);
      expect((await readLater()).map(({ uuid }) => uuid)).toEqual(['GPU-2222']);
      stub.play([]);
      expect(await readLater()).toEqual([]);
    });

    it('initializes NVML again when the kernel driver gets another card', async () => {
      sys.write({ 'bus/pci/drivers/nvidia/0000:1b:00.0/': '' });
      stub.play([card()], { log: 1 });
      await read();
      sys.write({ 'bus/pci/drivers/nvidia/0000:d1:00.0/': '', 'bus/pci/drivers/nvidia/bind': '' });
      stub.forgetCalls();
      await readLater();
      expect(stub.calls().map((call) => call.split(' ')[1])).toEqual(
        expect.arrayContaining(['nvmlShutdown', 'nvmlInit_v2']),
      );
      stub.forgetCalls();
      await readLater();
      expect(stub.calls()).not.toContain('0 nvmlInit_v2');
    });

    it('does not wake a card that sleeps, at the start or later', async () => {
      const status = (address: string) => `bus/pci/devices/${address}/power/runtime_status`;
      sys.write({
        'bus/pci/drivers/nvidia/0000:1b:00.0/': '',
        'bus/pci/drivers/nvidia/0000:d1:00.0/': '',
        [status('0000:1b:00.0')]: 'suspended\n',
        [status('0000:d1:00.0')]: 'active\n',
      });
      stub.play([card(), other], { log: 1 });
      const asleep = { vendor: 'NVIDIA', source: 'nvml', pci_bus_id: ADDRESS, driver_version: '999.1' };
      expect(await read()).toEqual([
        unknownGpu({ ...asleep, state: 'asleep' }),
        expect.objectContaining({ state: 'ok', uuid: 'GPU-2222', temp_c: 64 }),
      ]);
      expect(stub.calls().filter((call) => call.startsWith('1 '))).toEqual([]);
      sys.write({ [status('0000:1b:00.0')]: 'active\n' });
      expect((await readLater())[0]).toMatchObject({ state: 'ok', temp_c: 64, xid_last: null });
      sys.write({ [status('0000:1b:00.0')]: 'suspending\n' });
      stub.forgetCalls();
      expect(await readLater()).toMatchObject([
        { state: 'asleep', temp_c: null, uuid: 'GPU-1111', vram_total_mb: 81559 },
        { state: 'ok', temp_c: 64 },
      ]);
      expect(stub.calls().filter((call) => call.startsWith('1 '))).toEqual([]);
    });

    it('lets go of cards that have nothing to do, so that one that may sleep falls asleep', async () => {
      const power = 'bus/pci/devices/0000:1b:00.0/power';
      const idle = { utilization: '0 0', compute: [], graphics: [`99:${4 * 1024 * 1024}`] };
      sys.write({ [`${power}/control`]: 'auto\n', [`${power}/runtime_suspended_time`]: '1200\n' });
      sys.write({ [`${power}/runtime_status`]: 'active\n', 'bus/pci/drivers/nvidia/0000:1b:00.0/': '' });
      stub.play([card(idle)]);
      await read();
      clock.advance(29_000);
      await read();
      expect(threadCount()).toBe(threads + 1);
      expect(await readLater()).toMatchObject([{ state: 'ok', temp_c: 64 }]);
      expect(threadCount()).toBe(threads);
      expect(await readLater()).toMatchObject([{ state: 'ok', temp_c: 64, ageMs: 1000 }]);
      sys.write({ [`${power}/runtime_status`]: 'suspended\n' });
      expect(await readLater()).toMatchObject([{ state: 'asleep', temp_c: null, uuid: 'GPU-1111' }]);
      sys.write({ [`${power}/runtime_status`]: 'active\n' });
      stub.play([card()]);
      clock.advance(30_000);
      const [woken] = await read();
      expect(woken).toMatchObject({ state: 'ok', util_pct: 97 });
      expect(woken?.ageMs).toBeUndefined();
    });

    it('never lets go of cards that do not sleep', async () => {
      stub.play([card({ utilization: '0 0', compute: [], graphics: [] })]);
      await read();
      clock.advance(60_000);
      await read();
      expect(threadCount()).toBe(threads + 1);
    });
  });

  describe('failure', () => {
    it('is absent, without a thread, where there is no library, and looks again after a minute', async () => {
      const library = `${stub.path}.later`;
      using none = open({ library });
      expect(await none.read()).toBe('absent');
      symlinkSync(stub.path, library);
      expect(await none.read()).toBe('absent');
      expect(threadCount()).toBe(threads);
      clock.advance(60_000);
      expect(await none.read()).toEqual([]);
    });

    it('says what the linker says of a library that is none', async () => {
      sys.write({ 'libbroken.so': 'no library' });
      using broken = open({ library: `${sys.root}/libbroken.so` });
      await expect(broken.read()).rejects.toThrow(/file too short|invalid ELF header/);
      await expect(broken.read()).rejects.toThrow(/file too short|invalid ELF header/);
    });

    it.each([
      [9, 'NVML: Driver Not Loaded'],
      [18, 'NVML: Driver/library version mismatch'],
    ])('fails with the words of NVML for %i, and initializes it again the next time', async (init, words) => {
      stub.play([card()], { init });
      await expect(read()).rejects.toThrow(words);
      await expect(readLater()).rejects.toThrow(words);
      stub.play([card()]);
      expect(await readLater()).toHaveLength(1);
    });

    it('fails when NVML stops answering for all, and begins anew', async () => {
      stub.play([card()]);
      await read();
      stub.play([card()], { fail: 'nvmlDeviceGetCount_v2:999' });
      await expect(readLater()).rejects.toThrow('NVML: Unknown Error');
      stub.play([card()]);
      expect(await readLater()).toHaveLength(1);
    });

    it('leaves out a card that it may not ask, and fails where that is all', async () => {
      const refused = { fail: 'nvmlDeviceGetHandleByIndex_v2:4' };
      stub.play([card(refused), card({ uuid: 'GPU-2222' })]);
      expect((await read()).map(({ uuid }) => uuid)).toEqual(['GPU-2222']);
      using alone = open();
      stub.play([card(refused)]);
      await expect(alone.read()).rejects.toThrow('NVML: Insufficient Permissions');
    });

    it('waits for a call that hangs, stops nobody else, and goes on when the driver lets go', async () => {
      stub.play([card()]);
      await read();
      stub.play([card({ hang: 'nvmlDeviceGetPowerUsage' })], { log: 1 });
      let answered: readonly GpuObservation[] | undefined;
      const late = read().then((gpus) => (answered = gpus));
      // A timer of this thread runs while the other one hangs.
      await eventually('the call hangs', () => stub.calls().includes('1 nvmlDeviceGetPowerUsage'));
      expect(answered).toBeUndefined();
      stub.play([card({ temperature: 70 })]);
      await late;
      expect(answered).toMatchObject([{ power_w: 688.23 }]);
      expect(await readLater()).toMatchObject([{ temp_c: 70 }]);
    });

    it('starts no second thread while the one before hangs in its shutdown', async () => {
      stub.play([card()]);
      await read();
      stub.play([card()], { hang: 'nvmlShutdown', log: 1 });
      backend[Symbol.dispose]();
      await eventually('the shutdown hangs', () => stub.calls().includes('0 nvmlShutdown'));
      using next = open();
      const late = next.read();
      await Promise.race([late, new Promise((resolve) => setImmediate(resolve))]);
      expect(threadCount()).toBe(threads + 1);
      stub.play([card()]);
      expect(await late).toHaveLength(1);
    });

    it('ends its thread, also one that hangs, once the driver lets go', async () => {
      stub.play([card({ hang: 'nvmlDeviceGetName' })], { log: 1 });
      const late = expect(read()).rejects.toThrow('the thread of the library ended');
      await eventually('the call hangs', () => stub.calls().includes('1 nvmlDeviceGetName'));
      expect(threadCount()).toBe(threads + 1);
      backend[Symbol.dispose]();
      stub.play([card()]);
      await late;
      await eventually('the thread has ended', () => threadCount() === threads);
    });
  });
});
