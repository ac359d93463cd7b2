import { describe, expect, it } from '@jest/globals';

import { decodeTelemetry } from '#contracts';
import {
  addKfd,
  ARC_A770,
  ARC_B580,
  DrmMachine,
  type MadeCard,
  MI210,
  MI300X,
  RX_7900_XTX,
  sampleTelemetry,
  type TreeFiles,
  UHD_770,
} from '#testing';

import { composeSample } from '../compose-sample.js';
import type { GpuObservation } from '../monitor.js';
import { Sightings } from '../sightings.js';
import { DrmMonitor } from './drm.monitor.js';
import { readSensorFile } from './sensor-files.js';

const machineWith = (...cards: readonly MadeCard[]): DrmMachine<GpuObservation> =>
  new DrmMachine(cards, (machine) => {
    return new DrmMonitor(machine.roots, machine.clock, new Sightings(), machine.watched(readSensorFile));
  });

const withFiles = (card: MadeCard, files: TreeFiles): MadeCard => ({ ...card, files: { ...card.files, ...files } });

describe('DrmMonitor, AMD', () => {
  it('reads a server card', async () => {
    using machine = machineWith(MI210);
    addKfd(machine.sys, [{ gpuId: 51_110, location: 0x4300, target: 90_010, minor: 128 }]);
    machine.sys.write({ 'module/amdgpu/version': '6.8.5\n' });
    expect(await machine.gpus()).toEqual([
      {
        vendor: 'AMD',
        source: 'amdgpu',
        name: 'Instinct MI210',
        uuid: '7d20e1ec62b1a9b3',
        pci_bus_id: '00000000:43:00.0',
        driver_version: '6.8.5',
        compute_capability: 'gfx90a',
        util_pct: 87,
        mem_util_pct: 41,
        vram_used_mb: 49_152,
        vram_total_mb: 65_520,
        temp_c: 61,
        mem_temp_c: 68.5,
        power_w: 243,
        power_limit_w: 300,
        energy_j: null,
        fan_pct: null,
        sm_clock_mhz: 1700,
        mem_clock_mhz: 1600,
        pcie_gen: 4,
        pcie_width: 16,
        pcie_rx_mb_s: null,
        pcie_tx_mb_s: null,
        throttle_reasons: ['ppt0', 'temp_hotspot'],
        ecc_errors: { corrected: 17, uncorrected: 2 },
        remapped_rows: null,
        xid_last: null,
        mig_mode: null,
        mig_devices: [],
        processes: [],
        state: 'ok',
        ageMs: 0,
      },
    ]);
  });

  it('takes the hottest spot where there is no sensor at the edge, and unaveraged power', async () => {
    using machine = machineWith(MI300X);
    addKfd(machine.sys, [{ gpuId: 28_851, location: 0x0500, target: 90_402, minor: 129 }]);
    const [gpu] = await machine.gpus();
    expect(gpu).toMatchObject({ temp_c: 66, mem_temp_c: 52, power_w: 702, pcie_gen: 5, compute_capability: 'gfx942' });
    expect(gpu).toMatchObject({ throttle_reasons: null, ecc_errors: { corrected: 0, uncorrected: 0 } });
  });

  it('reads a consumer card: a name from its number, the fan as measured, the link above its own switch', async () => {
    using machine = machineWith(RX_7900_XTX);
    const [gpu] = await machine.gpus();
    expect(gpu).toMatchObject({ name: 'AMD GPU 0x744c', pcie_gen: 4, pcie_width: 8, fan_pct: 25, ecc_errors: null });
    expect(gpu).toMatchObject({ throttle_reasons: [], sm_clock_mhz: 46, mem_clock_mhz: 96, driver_version: null });
  });

  it('takes the fan as the driver asks it to turn where the card does not tell its fastest', async () => {
    using machine = machineWith(withFiles(RX_7900_XTX, { 'hwmon/hwmon2/fan1_max': 'n/a\n' }));
    expect((await machine.gpus())[0]?.fan_pct).toBe(20);
  });

  it('knows nothing of what is missing, and keeps the card', async () => {
    using machine = machineWith({ ...MI210, files: {} });
    const [{ name, pci_bus_id, state, processes, ...values } = {} as GpuObservation] = await machine.gpus();
    expect([name, pci_bus_id, state, processes]).toEqual(['AMD GPU 0x740f', '00000000:43:00.0', 'ok', []]);
    const { vendor, source, mig_devices, ageMs, ...unknown } = values;
    expect([vendor, source, mig_devices, ageMs]).toEqual(['AMD', 'amdgpu', [], 0]);
    expect(new Set(Object.values(unknown))).toEqual(new Set([null]));
  });

  it.each([['garbage'], ['-5'], ['99999999999999999999999'], ['0x10'], ['']])(
    'does not take %j for a value',
    async (text) => {
      const broken = [
        ...['gpu_busy_percent', 'mem_info_vram_used', 'current_link_speed', 'current_link_width', 'gpu_metrics'],
        ...['ras/umc_err_count', 'hwmon/hwmon3/power1_average', 'hwmon/hwmon3/freq1_input'],
      ];
      using machine = machineWith(withFiles(MI210, Object.fromEntries(broken.map((file) => [file, `${text}\n`]))));
      expect((await machine.gpus())[0]).toMatchObject({
        util_pct: null,
        vram_used_mb: null,
        pcie_gen: null,
        pcie_width: null,
        throttle_reasons: null,
        ecc_errors: null,
        power_w: null,
        sm_clock_mhz: null,
        temp_c: 61,
      });
    },
  );

  it('tells a temperature below zero and not one of 65535 degrees', async () => {
    using machine = machineWith(
      withFiles(MI210, { 'hwmon/hwmon3/temp1_input': '-4500\n', 'hwmon/hwmon3/temp3_input': '65535000\n' }),
    );
    expect((await machine.gpus())[0]).toMatchObject({ temp_c: -4.5, mem_temp_c: null });
  });

  it('counts memory errors, and asks for what is set, only every ten seconds', async () => {
    using machine = machineWith(MI210);
    const counts = (): number => machine.asked.filter((path) => path.endsWith('umc_err_count')).length;
    for (let second = 0; second < 10; second += 1) {
      await machine.gpus();
      machine.clock.advance(1000);
    }
    expect(counts()).toBe(1);
    await machine.gpus();
    expect(counts()).toBe(2);
  });
});

describe('DrmMonitor, Intel', () => {
  it('reads a card through i915, power from the energy', async () => {
    using machine = machineWith(ARC_A770);
    expect((await machine.gpus())[0]).toMatchObject({
      vendor: 'Intel',
      source: 'i915',
      name: 'Intel GPU 0x56a0',
      vram_total_mb: null,
      vram_used_mb: null,
      temp_c: 57,
      power_w: null,
      power_limit_w: 190,
      energy_j: 1000,
      fan_pct: null,
      sm_clock_mhz: 2400,
      throttle_reasons: ['pl1', 'thermal'],
      util_pct: 0,
    });
    machine.clock.advance(2000);
    machine.sys.write({ 'class/drm/card0/device/hwmon/hwmon4/energy1_input': '1250500000\n' });
    expect((await machine.gpus())[0]).toMatchObject({ energy_j: 1250.5, power_w: 125.3 });
  });

  it('reads a card through xe', async () => {
    using machine = machineWith(ARC_B580);
    expect((await machine.gpus())[0]).toMatchObject({
      source: 'xe',
      vram_total_mb: 12_288,
      temp_c: 49,
      mem_temp_c: 62,
      power_limit_w: 190,
      energy_j: 250,
      sm_clock_mhz: 2850,
      pcie_gen: 4,
      pcie_width: 8,
      throttle_reasons: [],
    });
  });

  it("reads a processor's own graphics, which has no memory and no link", async () => {
    using machine = machineWith(UHD_770);
    expect((await machine.gpus())[0]).toMatchObject({
      name: 'Intel GPU 0x4680',
      pci_bus_id: '00000000:00:02.0',
      vram_total_mb: null,
      temp_c: null,
      sm_clock_mhz: 350,
      pcie_gen: null,
      throttle_reasons: null,
      state: 'ok',
    });
  });
});

describe('a sample with made cards', () => {
  it('is what the wire takes', async () => {
    using machine = machineWith(RX_7900_XTX, { ...MI300X, minor: 3 }, { ...UHD_770, minor: 4 }, ARC_B580);
    machine.sys.write({ 'class/drm/card4/device/power/runtime_status': 'suspended\n' });
    const report = { name: 'drm', status: 'ok' as const, took_ms: 1, age_ms: 0 };
    const { gpus } = composeSample([{ report, contribution: { gpus: await machine.gpus() } }], 'gpu-a');
    const json = JSON.stringify({ ...sampleTelemetry('gpu-a', 1), gpus });
    expect(JSON.stringify(decodeTelemetry(json))).toHaveLength(json.length);
    expect(gpus.map(({ id, name, state }) => [id, name, state])).toEqual([
      ['GPU-0', 'Intel GPU 0x4680', 'asleep'],
      ['GPU-1', 'AMD GPU 0x744c', 'ok'],
      ['GPU-2', 'Intel GPU 0xe20b', 'ok'],
      ['GPU-3', 'AMD Instinct MI300X OAM', 'ok'],
    ]);
  });
});
