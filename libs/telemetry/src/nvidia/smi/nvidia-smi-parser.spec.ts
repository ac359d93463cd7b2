import { afterAll, describe, expect, it } from '@jest/globals';

import { FakeNvidiaSmi } from '#testing';

import type { GpuObservation } from '../../monitor.js';
import { NvidiaSmiHelper } from './nvidia-smi-helper.js';
import { inPciOrder } from '../../gpu-order.js';
import { unknownGpu } from '../../unknown-gpu.js';
import { parseNvidiaSmi } from './nvidia-smi-parser.js';

/** Every capture goes the way of a real answer: through the executable and the package. */
const fake = new FakeNvidiaSmi('tesla-t4');
const helper = new NvidiaSmiHelper();

afterAll(() => {
  helper[Symbol.dispose]();
  fake[Symbol.dispose]();
});

async function parse(capture: string): Promise<GpuObservation[]> {
  fake.play(capture);
  return parseNvidiaSmi(await helper.query(fake.path, AbortSignal.timeout(10_000)));
}

const gpuOf = (gpu: unknown): GpuObservation | undefined => parseNvidiaSmi({ nvidia_smi_log: { gpu } })[0];

describe('parseNvidiaSmi on captures', () => {
  it('reads a Tesla T4 (v11) with two processes', async () => {
    expect(await parse('tesla-t4')).toEqual([
      unknownGpu({
        uuid: 'GPU-d37e67a5-91dd-3774-a5cb-99096249601a',
        name: 'Tesla T4',
        vendor: 'NVIDIA',
        source: 'nvidia-smi -q -x',
        pci_bus_id: '00000000:00:1E.0',
        driver_version: '515.105.01',
        util_pct: 0,
        mem_util_pct: 0,
        vram_used_mb: 1032,
        vram_total_mb: 15360,
        temp_c: 40,
        mem_temp_c: null,
        power_w: 26.78,
        power_limit_w: 70,
        fan_pct: null,
        sm_clock_mhz: 585,
        mem_clock_mhz: 5000,
        pcie_gen: 3,
        pcie_width: 8,
        throttle_reasons: [],
        ecc_errors: { corrected: 0, uncorrected: 0 },
        xid_last: null,
        mig_mode: null,
        mig_devices: [],
        processes: [
          { pid: 675, vram_mb: 22, sm_util_pct: null },
          { pid: 5762, vram_mb: 1005, sm_util_pct: null },
        ],
        state: 'ok',
      }),
    ]);
  });

  it('reads an A100 (v12) in MIG mode, with its own power apart from its module', async () => {
    const [gpu] = await parse('a100-sxm4-v12');
    expect(gpu).toMatchObject({
      name: 'NVIDIA A100-SXM4-80GB',
      driver_version: '535.54.03',
      util_pct: null,
      mem_util_pct: null,
      vram_used_mb: 50,
      vram_total_mb: 81920,
      temp_c: 27,
      mem_temp_c: 44,
      power_w: 67.03,
      power_limit_w: 500,
      fan_pct: null,
      sm_clock_mhz: 1275,
      mem_clock_mhz: 1593,
      pcie_gen: 4,
      pcie_width: 16,
      mig_mode: 'enabled',
      processes: [],
    });
    expect(gpu?.mig_devices).toHaveLength(4);
    expect(gpu?.mig_devices[3]).toEqual({
      index: 3,
      uuid: null,
      gpu_instance_id: 6,
      compute_instance_id: 0,
      vram_used_mb: 12,
      vram_total_mb: 19968,
    });
  });

  it('reads an RTX 3060 (v12, driver 570), whose power is told as average and instant', async () => {
    const [gpu] = await parse('rtx-3060-v12');
    expect(gpu).toMatchObject({
      pci_bus_id: '00000000:2D:00.0',
      driver_version: '570.124.04',
      vram_used_mb: 116,
      vram_total_mb: 12288,
      temp_c: 42,
      power_w: 11.6,
      power_limit_w: 170,
      fan_pct: 0,
      sm_clock_mhz: 210,
      mem_clock_mhz: 405,
      ecc_errors: null,
      throttle_reasons: [],
    });
  });

  it('reads an RTX 3080 (v12) with a list of processes', async () => {
    const [gpu] = await parse('rtx-3080-v12');
    expect(gpu).toMatchObject({
      driver_version: '536.40',
      mem_util_pct: 37,
      vram_used_mb: 1128,
      vram_total_mb: 10240,
      power_w: 22.78,
      power_limit_w: 336,
      pcie_gen: 4,
    });
    expect(gpu?.processes).toEqual([
      { pid: 835, vram_mb: 550, sm_util_pct: null },
      { pid: 1481, vram_mb: 18, sm_util_pct: null },
      { pid: 2214, vram_mb: 79, sm_util_pct: null },
      { pid: 4044, vram_mb: 541, sm_util_pct: null },
      { pid: 42416, vram_mb: 159, sm_util_pct: null },
    ]);
  });

  it('reads an RTX 3090 (v12, driver 525), whose limit in force is below its default', async () => {
    const [gpu] = await parse('rtx-3090-v12');
    expect(gpu).toMatchObject({
      vram_used_mb: 1,
      vram_total_mb: 24576,
      power_w: 27.23,
      power_limit_w: 200,
      temp_c: 37,
    });
  });

  it('reads a Quadro P400 (driver 418), which knows neither power nor ECC nor MIG', async () => {
    const [gpu] = await parse('quadro-p400');
    expect(gpu).toMatchObject({
      name: 'Quadro P400',
      vram_used_mb: 0,
      vram_total_mb: 1998,
      mem_util_pct: 3,
      fan_pct: 34,
      temp_c: 33,
      sm_clock_mhz: 139,
      power_w: null,
      power_limit_w: null,
      ecc_errors: null,
      mig_mode: null,
      processes: [],
    });
  });

  it('reads a GTX 1070 Ti (v10), whose driver tells almost nothing, and leaves the rest unknown', async () => {
    const [gpu] = await parse('gtx-1070-ti');
    expect(gpu).toMatchObject({
      driver_version: null,
      vram_used_mb: 42,
      vram_total_mb: 4096,
      util_pct: 0,
      temp_c: 39,
      fan_pct: 100,
      pcie_gen: 1,
      pcie_width: 16,
      power_w: null,
      throttle_reasons: null,
      ecc_errors: null,
      mig_mode: null,
      processes: null,
    });
  });

  it('reads schema v13', async () => {
    const gpus = inPciOrder(await parse('made-h100-v13'));
    expect(gpus.map(({ pci_bus_id }) => pci_bus_id)).toEqual(['00000000:1B:00.0', '00000000:D1:00.0']);
    expect(gpus[0]).toMatchObject({
      driver_version: '580.65.06',
      util_pct: 97,
      vram_used_mb: 75012,
      power_w: 688.23,
      power_limit_w: 700,
      mem_temp_c: 81,
      pcie_gen: 5,
      throttle_reasons: ['sw_power_cap', 'hw_thermal_slowdown'],
      ecc_errors: { corrected: 7, uncorrected: 3 },
      mig_mode: 'disabled',
      processes: [
        { pid: 41001, vram_mb: 74210, sm_util_pct: null },
        { pid: 41002, vram_mb: null, sm_util_pct: null },
      ],
    });
    expect(gpus[1]).toMatchObject({ throttle_reasons: [], processes: [], power_w: 71.4 });
  });
});

describe('parseNvidiaSmi on odd input', () => {
  it.each([
    'N/A',
    '[N/A]',
    'Not Supported',
    'Unknown Error',
    '[Unknown Error]',
    'Insufficient Permissions',
    'ERR!',
    '',
  ])('takes %j for unknown', (nothing) => {
    expect(
      gpuOf({
        product_name: nothing,
        uuid: nothing,
        fan_speed: nothing,
        utilization: { gpu_util: nothing },
        fb_memory_usage: nothing,
        mig_mode: { current_mig: nothing },
        processes: { process_info: { pid: '7', used_memory: nothing } },
      }),
    ).toMatchObject({
      name: null,
      uuid: null,
      fan_pct: null,
      util_pct: null,
      vram_used_mb: null,
      mig_mode: null,
      processes: [{ pid: 7, vram_mb: null, sm_util_pct: null }],
      state: 'ok',
    });
  });

  it('takes a number in another unit for unknown rather than for a wrong number', () => {
    expect(gpuOf({ fb_memory_usage: { used: '2 GiB', total: '80000 MiB' } })).toMatchObject({
      vram_used_mb: null,
      vram_total_mb: 80000,
    });
  });

  it('skips what is no GPU and survives every shape', () => {
    const shapes = [null, undefined, '', 'N/A', 7, [], {}, [['x']], { temperature: ['a', 'b'] }, { pci: 'N/A', $: 3 }];
    for (const gpu of [...shapes, shapes]) {
      expect(() => parseNvidiaSmi({ nvidia_smi_log: { gpu, driver_version: gpu } })).not.toThrow();
    }
    expect(parseNvidiaSmi({ nvidia_smi_log: { gpu: ['N/A', { uuid: 'GPU-x' }, null] } })).toHaveLength(1);
  });

  it.each([[null], [undefined], ['text'], [{}], [{ nvidia_smi_log: '' }]])(
    'refuses %j, which is no answer',
    (answer) => {
      expect(() => parseNvidiaSmi(answer)).toThrow('nvidia-smi gave no nvidia_smi_log');
    },
  );

  it('does not take a list of processes with an unreadable entry for the whole list', () => {
    expect(gpuOf({ processes: 'N/A' })?.processes).toBeNull();
    expect(gpuOf({ processes: { process_info: ['N/A', { pid: '7', used_memory: '1 MiB' }] } })?.processes).toBeNull();
    expect(gpuOf({ processes: '' })?.processes).toEqual([]);
  });

  it('calls a GPU lost only where the driver does, not where a process is called so', () => {
    expect(gpuOf({ fan_speed: 'GPU is lost' })?.state).toBe('lost');
    expect(gpuOf({ temperature: { gpu_temp: 'GPU is lost' } })).toMatchObject({ state: 'lost', temp_c: null });
    expect(gpuOf({ temperature: { gpu_temp: 'ERR!' } })).toMatchObject({ state: 'ok', temp_c: null });
    const named = { process_info: { pid: '7', process_name: 'GPU is lost', used_memory: '1 MiB' } };
    expect(gpuOf({ processes: named })?.state).toBe('ok');
  });

  it('adds up the ECC counters that the card keeps, also by their old names', () => {
    const v10 = { single_bit: { total: '2' }, double_bit: { total: 'N/A' } };
    expect(gpuOf({ ecc_errors: { volatile: v10 } })?.ecc_errors).toEqual({ corrected: 2, uncorrected: null });
    const v12 = { sram_correctable: 'N/A', dram_correctable: '4', dram_uncorrectable: '1' };
    expect(gpuOf({ ecc_errors: { volatile: v12 } })?.ecc_errors).toEqual({ corrected: 4, uncorrected: 1 });
  });

  it('clips texts and lists to what the wire takes', () => {
    const gpu = Array.from({ length: 100 }, () => ({ product_name: 'x'.repeat(1000) }));
    const gpus = parseNvidiaSmi({ nvidia_smi_log: { gpu } });
    expect(gpus).toHaveLength(64);
    expect(gpus[0]?.name).toHaveLength(256);
  });
});
