import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';

import { ManualClock, NvmlStub, STUB_H100, type StubCard, type StubLines, TempTree } from '#testing';

import type { GpuObservation } from '../../monitor.js';
import { unknownGpu } from '../../unknown-gpu.js';
import { NvmlBackend } from './nvml-backend.js';

const MIB = 1024 * 1024;
const ADDRESS = '00000000:1B:00.0';

const card = (lines: StubLines = {}, slices: readonly StubLines[] = []): StubCard => ({
  lines: { ...STUB_H100, ...lines },
  slices,
});

const suite = NvmlStub.hasCompiler ? describe : describe.skip;

suite(`NvmlBackend${NvmlStub.hasCompiler ? '' : ' (skipped: no C compiler)'}`, () => {
  let stub: NvmlStub;
  let clock: ManualClock;
  let sys: TempTree;
  let backend: NvmlBackend;

  beforeEach(() => {
    stub = new NvmlStub();
    clock = new ManualClock();
    sys = new TempTree();
    backend = open();
  });

  afterEach(() => {
    backend[Symbol.dispose]();
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

  describe('values', () => {
    it('reads every field in the units of the wire', async () => {
      stub.play([card()], { driver_version: '580.65.06' });
      expect(await read()).toEqual([
        unknownGpu({
          vendor: 'NVIDIA',
          source: 'nvml',
          name: 'NVIDIA H100 80GB HBM3',
          uuid: 'GPU-1111',
          pci_bus_id: ADDRESS,
          driver_version: '580.65.06',
          compute_capability: '9.0',
          util_pct: 97,
          mem_util_pct: 41,
          vram_used_mb: 75012,
          vram_total_mb: 81559,
          temp_c: 64,
          mem_temp_c: 81,
          power_w: 688.23,
          power_limit_w: 700,
          energy_j: 123_456.79,
          fan_pct: 30,
          sm_clock_mhz: 1980,
          mem_clock_mhz: 2619,
          pcie_gen: 5,
          pcie_width: 16,
          throttle_reasons: ['sw_power_cap', 'hw_thermal_slowdown', 'reason_0x200'],
          ecc_errors: { corrected: 7, uncorrected: 3 },
          remapped_rows: { corrected: 2, uncorrected: 1, pending: true, failed: false },
          mig_mode: 'disabled',
          processes: [
            { pid: 41001, vram_mb: 74210, sm_util_pct: null },
            { pid: 41002, vram_mb: null, sm_util_pct: null },
            { pid: 99, vram_mb: 12, sm_util_pct: null },
          ],
        }),
      ]);
    });

    it('reads the PCIe throughput only where it is asked to', async () => {
      stub.play([card()]);
      expect((await read())[0]).toMatchObject({ pcie_rx_mb_s: null, pcie_tx_mb_s: null });
      using asking = open({ pcieThroughput: true });
      expect(await asking.read()).toMatchObject([{ pcie_rx_mb_s: 2, pcie_tx_mb_s: 1.5 }]);
    });

    it('leaves null what the card does not support', async () => {
      stub.play([{ lines: { pci: ADDRESS } }], { driver_version: '418.40' });
      const known = { vendor: 'NVIDIA', source: 'nvml', pci_bus_id: ADDRESS, driver_version: '418.40' };
      expect(await read()).toEqual([unknownGpu(known)]);
    });

    it('does not ask again what can not be told, nor what does not change, until a minute has passed', async () => {
      stub.play([{ lines: { pci: ADDRESS, name: 'A card', temperature: 40 } }], { log: 1 });
      await read();
      stub.forgetCalls();
      expect((await readLater())[0]).toMatchObject({ name: 'A card', temp_c: 40 });
      expect(stub.calls()).toEqual([
        '0 nvmlDeviceGetCount_v2',
        '0 nvmlEventSetWait_v2',
        '1 nvmlDeviceGetTemperature',
        '1 nvmlDeviceGetFieldValues',
      ]);
      stub.play([{ lines: { pci: ADDRESS, name: 'A card', temperature: 40, fan_speed: 55 } }]);
      expect((await readLater())[0]?.fan_pct).toBeNull();
      clock.advance(60_000);
      expect((await read())[0]?.fan_pct).toBe(55);
    });

    it('leaves null what fails once, and reads it again the next time', async () => {
      stub.play([card({ fail: 'nvmlDeviceGetMemoryInfo_v2:999' })]);
      expect((await read())[0]).toMatchObject({ vram_used_mb: null, vram_total_mb: null, temp_c: 64 });
      stub.play([card()]);
      expect((await readLater())[0]).toMatchObject({ vram_used_mb: 75012 });
    });

    it('takes what is reserved for used where the driver, as its nvidia-smi, does not tell it apart', async () => {
      using old = new NvmlStub('old');
      old.play([card()]);
      using its = open({ library: old.path });
      expect(await its.read()).toMatchObject([
        {
          vram_used_mb: 75612,
          vram_total_mb: 81559,
          throttle_reasons: ['sw_power_cap', 'hw_thermal_slowdown', 'reason_0x200'],
          processes: [{ pid: 41001, vram_mb: 74210 }, { pid: 41002, vram_mb: null }, { pid: 99 }],
        },
      ]);
    });

    it('remembers the last Xid error of each card', async () => {
      const cards = [card(), card({ pci: '00000000:D1:00.0' })];
      stub.play(cards, { xid: ['1:31:1', '0:79:2', '1:48:3'] });
      expect((await read()).map((gpu) => gpu.xid_last)).toEqual([79, 48]);
      stub.play(cards, { xid: ['1:94:4'] });
      expect((await readLater()).map((gpu) => gpu.xid_last)).toEqual([79, 94]);
      stub.play(cards);
      expect((await readLater()).map((gpu) => gpu.xid_last)).toEqual([79, 94]);
    });
  });

  describe('processes', () => {
    it('reads a list that is longer than it expected', async () => {
      const compute = Array.from({ length: 300 }, (_, index) => `${index + 1}:${MIB}`);
      stub.play([card({ compute, graphics: [] })]);
      expect((await read())[0]?.processes).toHaveLength(300);
      stub.play([card({ compute: compute.slice(0, 2), graphics: [] })]);
      expect((await readLater())[0]?.processes).toHaveLength(2);
    });

    it('does not believe a list of more than 4096', async () => {
      const compute = Array.from({ length: 4097 }, (_, index) => `${index + 1}:${MIB}`);
      stub.play([card({ compute })]);
      expect((await read())[0]).toMatchObject({ processes: null, temp_c: 64 });
    });

    it('does not take half of the processes for all of them', async () => {
      stub.play([card({ fail: 'nvmlDeviceGetGraphicsRunningProcesses_v3:999' })]);
      expect((await read())[0]?.processes).toBeNull();
    });

    it('tells whose work it is from the samples since the last reading', async () => {
      const shares = (gpus: readonly GpuObservation[]) => gpus[0]?.processes?.map((process) => process.sm_util_pct);
      const sample = ['41001:1000:99', '41001:2000:50'];
      stub.play([card({ sample })]);
      // Of a time that nobody knows.
      expect(shares(await read())).toEqual([null, null, null]);
      stub.play([card({ sample: [...sample, '41001:3000:60', '41001:4000:70', '99:4000:5', '41002:4000:4000000'] })]);
      expect(shares(await readLater())).toEqual([70, 0, 5]);
      stub.play([card({ sample })]);
      expect(shares(await readLater())).toEqual([70, 0, 5]);
      clock.advance(5000);
      // The card works, and the driver can't tell for whom.
      expect(shares(await read())).toEqual([null, null, null]);
      stub.play([card({ sample, utilization: '0 0' })]);
      expect(shares(await readLater())).toEqual([0, 0, 0]);
    });
  });

  describe('MIG', () => {
    const slice = (lines: StubLines = {}): StubLines => ({
      uuid: 'MIG-1',
      gpu_instance: 1,
      compute_instance: 0,
      memory_total: 19968 * MIB,
      memory_used: 12 * MIB,
      processes: 1,
      ...lines,
    });
    const processes = { compute: [`7:${30 * MIB}`] };

    it('reads the slices and adds up what they hold', async () => {
      const slices = [slice(processes), slice({ uuid: 'MIG-2', gpu_instance: 2, compute: [`7:${5 * MIB}`, '8:N/A'] })];
      stub.play([card({ mig_mode: '1 1', utilization: [] }, slices), card({ pci: '00000000:D1:00.0' })]);
      const [gpu, other] = await read();
      expect(gpu).toMatchObject({
        mig_mode: 'enabled',
        util_pct: null,
        mig_devices: [
          {
            index: 0,
            uuid: 'MIG-1',
            gpu_instance_id: 1,
            compute_instance_id: 0,
            vram_used_mb: 12,
            vram_total_mb: 19968,
          },
          { index: 1, uuid: 'MIG-2', gpu_instance_id: 2 },
        ],
        processes: [
          { pid: 7, vram_mb: 35 },
          { pid: 8, vram_mb: null },
        ],
      });
      expect(other).toMatchObject({ mig_mode: 'disabled', mig_devices: [], temp_c: 64 });
    });

    it('follows the mode and the slices while it runs', async () => {
      stub.play([card()]);
      await read();
      stub.play([card({ mig_mode: '1 1' }, [slice(processes)])]);
      expect((await readLater())[0]).toMatchObject({ mig_devices: [{ index: 0 }], processes: [{ pid: 7 }] });
      stub.play([card({ mig_mode: '1 1' })]);
      expect((await readLater())[0]).toMatchObject({ mig_mode: 'enabled', mig_devices: [] });
      stub.play([card({ mig_mode: '0 1' }, [slice()])]);
      expect((await readLater())[0]).toMatchObject({ mig_mode: 'disabled', mig_devices: [] });
    });
  });
});
