import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

import type { GpuReading, HiveTelemetryEvent } from '#contracts';
import { eventually, FakeNvidiaSmi, type ProbedEvent, ServiceProcess, SseProbe, TempTree } from '#testing';

/** Read by eye from the captures. */
const EXPECTED: Readonly<Record<string, readonly Partial<GpuReading>[]>> = {
  'tesla-t4': [
    {
      id: 'GPU-0',
      index: 0,
      uuid: 'GPU-d37e67a5-91dd-3774-a5cb-99096249601a',
      name: 'Tesla T4',
      vendor: 'NVIDIA',
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
      ecc_errors: { corrected: 0, uncorrected: 0 },
      xid_last: null,
      mig_mode: null,
      mig_devices: [],
      // No worker is known: all that is used is nobody's.
      unattributed_vram_mb: 1032,
      state: 'ok',
    },
  ],
  'a100-sxm4-v12': [
    {
      uuid: 'GPU-513536b6-7d19-9063-b049-1e69664bb298',
      name: 'NVIDIA A100-SXM4-80GB',
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
      throttle_reasons: [],
      mig_mode: 'enabled',
      mig_devices: [
        { index: 0, gpu_instance_id: 3, compute_instance_id: 0, vram_used_mb: 12, vram_total_mb: 19968 },
        expect.objectContaining({ index: 1, vram_used_mb: 12, vram_total_mb: 19968 }),
        expect.objectContaining({ index: 2, vram_used_mb: 12, vram_total_mb: 19968 }),
        expect.objectContaining({ index: 3, vram_used_mb: 12, vram_total_mb: 19968 }),
      ] as unknown as GpuReading['mig_devices'],
    },
  ],
  'gtx-1070-ti': [
    {
      name: 'GeForce GTX 1070 Ti',
      driver_version: null,
      util_pct: 0,
      vram_used_mb: 42,
      vram_total_mb: 4096,
      temp_c: 39,
      power_w: null,
      power_limit_w: null,
      fan_pct: 100,
      sm_clock_mhz: 135,
      mem_clock_mhz: 405,
      pcie_gen: 1,
      pcie_width: 16,
      throttle_reasons: null,
      ecc_errors: null,
      mig_mode: null,
      // The driver lists no processes at all, which is not the same as none.
      unattributed_vram_mb: null,
    },
  ],
  'quadro-p400': [
    {
      name: 'Quadro P400',
      driver_version: '418.43',
      util_pct: 0,
      mem_util_pct: 3,
      vram_used_mb: 0,
      vram_total_mb: 1998,
      temp_c: 33,
      power_w: null,
      power_limit_w: null,
      fan_pct: 34,
      sm_clock_mhz: 139,
      mem_clock_mhz: 405,
      throttle_reasons: [],
      ecc_errors: null,
    },
  ],
  'rtx-3060-v12': [
    {
      name: 'NVIDIA GeForce RTX 3060',
      driver_version: '570.124.04',
      vram_used_mb: 116,
      vram_total_mb: 12288,
      temp_c: 42,
      power_limit_w: 170,
      fan_pct: 0,
      sm_clock_mhz: 210,
      mem_clock_mhz: 405,
      throttle_reasons: [],
    },
  ],
  'rtx-3080-v12': [
    {
      name: 'NVIDIA GeForce RTX 3080',
      pci_bus_id: '00000000:04:00.0',
      util_pct: 0,
      mem_util_pct: 37,
      vram_used_mb: 1128,
      vram_total_mb: 10240,
      temp_c: 31,
      power_w: 22.78,
      power_limit_w: 336,
      pcie_gen: 4,
      pcie_width: 16,
      unattributed_vram_mb: 1128,
    },
  ],
  'rtx-3090-v12': [
    {
      name: 'NVIDIA GeForce RTX 3090',
      vram_used_mb: 1,
      vram_total_mb: 24576,
      temp_c: 37,
      power_w: 27.23,
      power_limit_w: 200,
      sm_clock_mhz: 0,
      mem_clock_mhz: 405,
    },
  ],
  'made-h100-v13': [
    {
      id: 'GPU-0',
      pci_bus_id: '00000000:1B:00.0',
      util_pct: 97,
      mem_util_pct: 61,
      vram_used_mb: 75012,
      vram_total_mb: 81559,
      temp_c: 63,
      mem_temp_c: 81,
      power_limit_w: 700,
      throttle_reasons: ['sw_power_cap', 'hw_thermal_slowdown'],
    },
    { id: 'GPU-1', pci_bus_id: '00000000:D1:00.0', util_pct: 0, vram_used_mb: 4, temp_c: 29, throttle_reasons: [] },
  ],
};

describe('the captures of nvidia-smi, through a hive and a queen', () => {
  let queen: ServiceProcess;
  let viewer: SseProbe;

  beforeAll(async () => {
    queen = new ServiceProcess('queen', ['--port', '0', '--ssh-config', '/nonexistent']);
    viewer = new SseProbe(`${await queen.url()}/v1/heartbeats/stream?type=hive_telemetry`);
  });

  afterAll(async () => {
    cgroup[Symbol.dispose]();
    viewer[Symbol.dispose]();
    await queen[Symbol.asyncDispose]();
  });

  /** A cgroup tree without workers: nobody holds anything. */
  const cgroup = new TempTree({ 'cgroup.controllers': 'cpu memory io\n', 'cgroup.procs': '' });

  const startHive = async (id: string, smi: FakeNvidiaSmi): Promise<ServiceProcess> =>
    new ServiceProcess('hive', [
      ...['--port', '0', '--id', id, '--queen-url', await queen.url()],
      ...['--nvidia-smi', smi.path, '--cgroup-root', cgroup.root],
    ]);

  it.each(Object.entries(EXPECTED))('%s', async (capture, gpus) => {
    using smi = new FakeNvidiaSmi(capture);
    await using _hive = await startHive(capture, smi);
    const { json } = await viewer.waitFor(
      `the cards of ${capture}`,
      (event) => event.json['hive_id'] === capture && gpuOf(event.json) !== undefined,
    );
    const telemetry = json as unknown as HiveTelemetryEvent;
    expect(telemetry.gpus).toHaveLength(gpus.length);
    for (const [index, gpu] of gpus.entries()) expect(telemetry.gpus[index]).toMatchObject(gpu);
    expect(telemetry.collection.monitors.find(({ name }) => name === 'nvidia')).toMatchObject({ status: 'ok' });
    expect(smi.runs().overlapped).toBe(0);
  });

  it('keeps the beat when the driver hangs, and gets the card back when it answers again', async () => {
    using smi = new FakeNvidiaSmi('tesla-t4');
    await using _hive = await startHive('hanging', smi);
    const ofHive = (): readonly ProbedEvent[] => viewer.events.filter(({ json }) => json['hive_id'] === 'hanging');
    const when = (what: string, state: string, afterMs = 0): Promise<ProbedEvent> =>
      eventually(
        what,
        () => ofHive().find(({ json, arrivedMs }) => arrivedMs > afterMs && gpuOf(json)?.state === state),
        30_000,
      );
    await when('the card is well', 'ok');
    smi.behave('hang');
    const wedged = await when('the card is wedged', 'wedged');
    expect(gpuOf(wedged.json)).toMatchObject({ name: 'Tesla T4', temp_c: 40 });
    const { monitors } = (wedged.json as unknown as HiveTelemetryEvent).collection;
    const report = monitors.find(({ name }) => name === 'nvidia');
    expect(report).toMatchObject({ status: 'stale', error: expect.any(String) });
    expect(report?.age_ms).toBeGreaterThan(1_000);
    expect(smi.alive().length).toBeLessThanOrEqual(1);
    smi.behave('play');
    await when('the card is back', 'ok', wedged.arrivedMs);
    expect(smi.runs().overlapped).toBe(0);
    const seqs = ofHive().map(({ json }) => Number(json['seq']));
    expect(seqs).toEqual(seqs.map((_, index) => (seqs[0] ?? 0) + index));
    const arrivals = ofHive().map(({ arrivedMs }) => arrivedMs);
    expect(Math.max(...arrivals.slice(1).map((atMs, index) => atMs - (arrivals[index] ?? 0)))).toBeLessThan(2_000);
  }, 90_000);
});

const gpuOf = (json: unknown): GpuReading | undefined => (json as Partial<HiveTelemetryEvent>).gpus?.[0];
