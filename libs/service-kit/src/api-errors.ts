import { applyDecorators } from '@nestjs/common';

import type { ApiaryErrorCode, ErrorBody } from '#contracts';

import { ApiResponse } from './api-docs.js';
import { ERROR_STATUS } from './error-filter.js';

const SCHEMA = {
  type: 'object',
  required: ['status', 'code', 'message'],
  properties: {
    status: { type: 'string', enum: ['error'] },
    code: { type: 'string' },
    message: { type: 'string', description: 'one sentence that names what is wrong' },
    fields: { type: 'object', additionalProperties: { type: 'string' } },
  },
} as const;

/** Documents the errors that a route may answer with, each with an example of its body. */
export function ApiErrors(...codes: readonly ApiaryErrorCode[]): MethodDecorator & ClassDecorator {
  const byStatus = groupByStatus(codes);
  return applyDecorators(
    ...[...byStatus].map(([status, group]) =>
      ApiResponse({
        status,
        description: group.join(' or '),
        content: { 'application/json': { schema: SCHEMA as never, examples: examples(group) } },
      }),
    ),
  );
}

function groupByStatus(codes: readonly ApiaryErrorCode[]): Map<number, ApiaryErrorCode[]> {
  const groups = new Map<number, ApiaryErrorCode[]>();
  for (const code of codes) groups.set(ERROR_STATUS[code], [...(groups.get(ERROR_STATUS[code]) ?? []), code]);
  return groups;
}

function examples(codes: readonly ApiaryErrorCode[]): Record<string, { value: ErrorBody }> {
  return Object.fromEntries(codes.map((code) => [code, { value: EXAMPLES[code] ?? example(code, 'what went wrong') }]));
}

const example = (code: ApiaryErrorCode, message: string, fields?: Record<string, string>): ErrorBody => ({
  status: 'error',
  code,
  message,
  ...(fields && { fields }),
});

const EXAMPLES: Partial<Record<ApiaryErrorCode, ErrorBody>> = {
  REQUEST_INVALID: example('REQUEST_INVALID', 'hive_id is empty', { hive_id: 'is empty' }),
  BODY_TOO_LARGE: example('BODY_TOO_LARGE', 'the body is larger than 16384 bytes'),
  HIVE_CONFLICT: example('HIVE_CONFLICT', 'gpu-a is live at http://10.0.0.5:7835; http://10.0.0.9:7835 was refused'),
  HIVE_UNKNOWN: example('HIVE_UNKNOWN', 'no hive "gpu-a"'),
  FLEET_FULL: example('FLEET_FULL', 'this queen follows 10000 hives already'),
  QUEEN_BUSY: example('QUEEN_BUSY', '2000 hives wait to be dialled already'),
  NOT_READY: example('NOT_READY', 'no sample has been taken yet'),
};
