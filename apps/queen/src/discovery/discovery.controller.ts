import { Controller, Get } from '@nestjs/common';

import type { DiscoveryView } from '#contracts';
import { ApiOkResponse, ApiOperation, ApiTags } from '#service-kit';

import { DiscoveryReport } from './discovery-report.js';

const EXAMPLE: DiscoveryView = {
  ssh_config: '/home/ops/.ssh/config',
  status: 'ok',
  files: ['/home/ops/.ssh/config', '/home/ops/.ssh/config.d/gpus'],
  warnings: ['/home/ops/.ssh/config:3: Include config.d/old: there is no such file'],
  last_scan_at: '2026-11-23T16:30:00.000Z',
  next_scan_at: '2026-11-23T16:31:02.014Z',
  hosts: [
    {
      alias: 'gpu-a',
      host_name: 'gpu-a.lan',
      address: '10.0.0.5',
      port: 7835,
      url: 'http://10.0.0.5:7835',
      source: '/home/ops/.ssh/config.d/gpus:1',
      same_as: null,
      outcome: 'hive',
      hive_id: 'gpu-a',
      detail: null,
      tried_at: '2026-11-23T16:30:00.012Z',
      took_ms: 9,
    },
    {
      alias: 'nas',
      host_name: '10.0.0.9',
      address: '10.0.0.9',
      port: 7835,
      url: 'http://10.0.0.9:7835',
      source: '/home/ops/.ssh/config:8',
      same_as: null,
      outcome: 'no_answer',
      hive_id: null,
      detail: 'connect ECONNREFUSED 10.0.0.9:7835',
      tried_at: '2026-11-23T16:30:00.012Z',
      took_ms: 3,
    },
  ],
};

/** Shows what the look at the SSH configuration found. */
@ApiTags('discovery')
@Controller('v1/discovery')
export class DiscoveryController {
  constructor(private readonly report: DiscoveryReport) {}

  @Get()
  @ApiOperation({
    summary: 'What came of looking for hives on the hosts of the SSH configuration',
    description:
      'The files that were read, what is wrong with them, and for each host what was tried, when, and what came of it. ' +
      'Outcomes: `hive`, `live`, `no_answer`, `not_a_hive`, `unresolvable`, `refused`, `duplicate`, `ignored`, `pending`.',
  })
  @ApiOkResponse({ content: { 'application/json': { example: EXAMPLE } } })
  discovery(): DiscoveryView {
    return this.report.view();
  }
}
