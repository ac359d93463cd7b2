import { ValidationPipe } from '@nestjs/common';
import type { ValidationError } from 'class-validator';

import { ApiaryError } from '#contracts';

/** Checks a body against its class-validator DTO; what is wrong is named field by field. */
export const bodyValidation = (): ValidationPipe =>
  new ValidationPipe({
    transform: true,
    whitelist: true,
    stopAtFirstError: true,
    exceptionFactory: (errors) => requestInvalid(errors),
  });

function requestInvalid(errors: readonly ValidationError[]): ApiaryError {
  const faults = errors
    .filter(({ property }) => property !== undefined)
    .map(({ property, constraints }) => [property, Object.values(constraints ?? {})[0] ?? 'is wrong'] as const);
  if (faults.length === 0) {
    return new ApiaryError('REQUEST_INVALID', 'the body must be a JSON object, sent as application/json');
  }
  const sentence = faults.map(([field, fault]) => `${field} ${fault}`).join('; ');
  return new ApiaryError('REQUEST_INVALID', sentence, Object.fromEntries(faults));
}
