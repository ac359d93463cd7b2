import { Controller, Delete, HttpCode, Param } from '@nestjs/common';

import { ApiaryError } from '#contracts';
import { ApiErrors, ApiNoContentResponse, ApiOperation, ApiTags } from '#service-kit';

import { HiveDirectory } from './hive-directory.js';

/** Takes hives out of the fleet; they come back when they announce themselves again. */
@ApiTags('hives')
@Controller('v1/hives')
export class DirectoryController {
  constructor(private readonly directory: HiveDirectory) {}

  @Delete(':id')
  @HttpCode(204)
  @ApiOperation({ summary: 'Forget a hive: unsubscribe and drop its state' })
  @ApiNoContentResponse()
  @ApiErrors('HIVE_UNKNOWN')
  forget(@Param('id') hiveId: string): void {
    if (!this.directory.remove(hiveId)) throw new ApiaryError('HIVE_UNKNOWN', `no hive ${JSON.stringify(hiveId)}`);
  }
}
