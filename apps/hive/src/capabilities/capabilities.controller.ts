import { Controller, Get, Inject, Query } from '@nestjs/common';

import { type Capabilities, parseOrigin } from '#contracts';
import { ApiErrors, ApiOkResponse, ApiOperation, ApiQuery, ApiTags } from '#service-kit';
import { devicesOf, type MachineFacts } from '#telemetry';

import { QueenAnnouncer } from '../announce/queen-announcer.js';
import { HIVE_CONFIG, type HiveConfig } from '../config/hive-config.js';
import { HiveIdentity } from '../identity/hive-identity.js';
import { HiveSampler, MACHINE_FACTS } from '../sampling/hive-sampler.js';

const EXAMPLE: Capabilities = {
  hive_id: 'gpu-a',
  boot_id: '7f0c2a52-2a8e-4c39-9a51-0f6c3f0b6a11',
  version: '0.1.0',
  hive_url: 'http://10.0.0.5:7835',
  interval_ms: 1000,
  devices: [
    { id: 'GPU-0', name: 'NVIDIA H100', device_type: 'gpu', vram_gb: 79.6, compute_capability: null },
    { id: 'CPU-0', name: 'AMD EPYC 9654', device_type: 'cpu', vram_gb: null, compute_capability: null },
  ],
};

/** Says what this machine can compute on; a queen that looks for hives leaves its own address here. */
@ApiTags('discovery')
@Controller()
export class CapabilitiesController {
  constructor(
    @Inject(HIVE_CONFIG) private readonly config: HiveConfig,
    @Inject(MACHINE_FACTS) private readonly facts: MachineFacts,
    private readonly identity: HiveIdentity,
    private readonly sampler: HiveSampler,
    private readonly announcer: QueenAnnouncer,
  ) {}

  @Get(['v1/capabilities', 'capabilities'])
  @ApiOperation({ summary: 'Who this hive is and which devices it has; adopts the queen that asks' })
  @ApiQuery({ name: 'queen_url', required: false, example: 'http://queen:7833' })
  @ApiOkResponse({ schema: { example: EXAMPLE } })
  @ApiErrors('REQUEST_INVALID')
  capabilities(@Query('queen_url') queenUrl?: unknown): Capabilities {
    if (queenUrl !== undefined) this.announcer.adopt(parseOrigin(queenUrl, 'queen_url'));
    const { hiveId, bootId, version, url } = this.identity;
    return {
      hive_id: hiveId,
      boot_id: bootId,
      version,
      hive_url: url,
      interval_ms: this.config.intervalMs,
      devices: devicesOf(this.sampler.latest?.gpus ?? [], this.facts),
    };
  }
}
