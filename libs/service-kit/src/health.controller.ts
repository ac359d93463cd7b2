import { Controller, Get } from '@nestjs/common';

import { ApiaryError } from '#contracts';

import { ApiOkResponse, ApiOperation, ApiTags } from './api-docs.js';
import { ApiErrors } from './api-errors.js';

/** What a service says of its own health; each app provides one. */
export abstract class HealthSource {
  /** Why it can't serve yet; `undefined` once it can. */
  abstract notReadyBecause(): string | undefined;
  /** Small facts for `GET /health`. */
  abstract facts(): Readonly<Record<string, unknown>>;
}

/** Health of the process alone: a sick GPU or an unreachable hive never turns it red. */
@ApiTags('health')
@Controller()
export class HealthController {
  constructor(private readonly source: HealthSource) {}

  @Get(['health', '-/healthy'])
  @ApiOperation({ summary: 'The process lives' })
  @ApiOkResponse({ schema: { example: { status: 'ok' } } })
  health(): Readonly<Record<string, unknown>> {
    return { status: 'ok', ...this.source.facts() };
  }

  @Get('-/ready')
  @ApiOperation({ summary: 'It can serve' })
  @ApiOkResponse({ schema: { example: { status: 'ready' } } })
  @ApiErrors('NOT_READY')
  ready(): { status: 'ready' } {
    const reason = this.source.notReadyBecause();
    if (reason !== undefined) throw new ApiaryError('NOT_READY', reason);
    return { status: 'ready' };
  }
}
