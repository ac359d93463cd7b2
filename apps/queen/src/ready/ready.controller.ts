import { Body, Controller, HttpCode, Post } from '@nestjs/common';

import type { ReadyAnswer, SubscriptionOutcome } from '#contracts';
import { ApiErrors, ApiOkResponse, ApiOperation, ApiTags, BodyValidation } from '#service-kit';

import { HiveDirectory } from '../directory/hive-directory.js';
import { ReadyDto } from './ready.dto.js';

/** The rhythm of a hive that does not say, in ms. */
const INTERVAL_DEFAULT_MS = 1_000;

const MESSAGES: Record<SubscriptionOutcome, string> = {
  connecting: 'known; the queen is connecting to the stream',
  live: 'known; the queen is reading the stream',
  unreachable: 'known; the queen could not read the stream and keeps trying',
};

const EXAMPLE: ReadyAnswer = { status: 'ok', message: MESSAGES.connecting, subscription: 'connecting' };

/** Where a hive says that it wants to be read. Answers at once: the dial follows. */
@ApiTags('discovery')
@Controller('v1/hive')
export class ReadyController {
  constructor(private readonly directory: HiveDirectory) {}

  @Post('ready')
  @HttpCode(200)
  @ApiOperation({ summary: 'A hive announces itself; once is enough, more often does no harm' })
  @ApiOkResponse({ schema: { example: EXAMPLE } })
  @ApiErrors('REQUEST_INVALID', 'HIVE_CONFLICT', 'BODY_TOO_LARGE', 'QUEEN_BUSY', 'FLEET_FULL')
  ready(@Body(BodyValidation) body: ReadyDto): ReadyAnswer {
    const { outcome, lastError } = this.directory.admit({
      hiveId: body.hive_id,
      url: new URL(body.hive_url).origin,
      foundBy: 'callback',
      bootId: body.boot_id ?? null,
      version: body.version ?? null,
      intervalMs: body.interval_ms ?? INTERVAL_DEFAULT_MS,
      devices: null,
    });
    return {
      status: 'ok',
      message: MESSAGES[outcome],
      subscription: outcome,
      ...(lastError !== null && { last_error: lastError }),
    };
  }
}
