import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

import type { GpuReading, HiveTelemetryEvent } from '#contracts';
import { eventually, FakeNvidiaSmi, type ProbedEvent, ServiceProcess, SseProbe, TempTree } from '#testing';

/** What a hive and a queen add to the cards, or could lose of them; their values stand with the parsers. */
const EXPECTED: Readonly<Record<string, readonly Partial<GpuReading>[]>> = {
  // No worker is known: all that is used is nobody's.
  'tesla-t4': [{ id: 'GPU-0', index: 0, vendor: 'NVIDIA', name: 'Tesla T4', unattributed_vram_mb: 1032, state: 'ok' }],
  'a100-sxm4-v12': [
    {
      name: 'NVIDIA A100-SXM4-80GB',
      util_pct: null,
      mig_mode: 'enabled',
      mig_devices: [0, 1, 2, 3].map((index) =>
        expect.objectContaining({ index, vram_used_mb: 12, vram_total_mb: 19968 }),
      ) as unknown as GpuReading['mig_devices'],
    },
  ],
  // The driver lists no processes at all, which is not the same as none.
  'gtx-1070-ti': [{ name: 'GeForce GTX 1070 Ti', driver_version: null, power_w: null, unattributed_vram_mb: null }],
  'quadro-p400': [{ name: 'Quadro P400', vram_used_mb: 0, unattributed_vram_mb: 0, ecc_errors: null }],
  'rtx-3060-v12': [{ name: 'NVIDIA GeForce RTX 3060', driver_version: '570.124.04', fan_pct: 0 }],
  'rtx-3080-v12': [{ name: 'NVIDIA GeForce RTX 3080', vram_used_mb: 1128, unattributed_vram_mb: 1128 }],
  'rtx-3090-v12': [{ name: 'NVIDIA GeForce RTX 3090', vram_used_mb: 1, power_w: 27.23 }],
  // Listed in another order than that of their addresses.
  'made-h100-v13': [
    {
      id: 'GPU-0',
      pci_bus_id: '00000000:1B:00.0',
      util_pct: 97,
      throttle_reasons: ['sw_power_cap', 'hw_thermal_slowdown'],
    },
    { id: 'GPU-1', pci_bus_id: '00000000:D1:00.0', util_pct: 0, throttle_reasons: [] },
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
      ...['--gpu-backend', 'nvidia-smi', '--nvidia-smi', smi.path, '--cgroup-root', cgroup.root],
    ]);

  it.each(Object.entries(EXPECTED))('%s', async (capture, gpus) => {
    using smi = new FakeNvidiaSmi(capture);
    await using _hive = await startHive(capture, smi);
    const ofHive = (): readonly ProbedEvent[] => viewer.events.filter(({ json }) => json['hive_id'] === capture);
    const { collection } = await eventually(`the cards of ${capture}`, () => {
      const telemetry = ofHive().at(-1)?.json as unknown as HiveTelemetryEvent;
      expect(telemetry.gpus).toHaveLength(gpus.length);
      for (const [index, gpu] of gpus.entries()) expect(telemetry.gpus[index]).toMatchObject(gpu);
      return telemetry;
    });
    expect(collection.monitors.find(({ name }) => name === 'nvidia')).toMatchObject({ status: 'ok' });
    expect(smi.runs().overlapped).toBe(0);
  });
});
