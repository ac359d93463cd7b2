import { type ArgumentMetadata, ValidationPipe } from '@nestjs/common';
import type { ValidationError } from 'class-validator';

import { ApiaryError } from '#contracts';

/** Checks a body against its class-validator DTO; what is wrong is named field by field. */
export class BodyValidation extends ValidationPipe {
  constructor() {
    super({ transform: true, whitelist: true, stopAtFirstError: true, exceptionFactory: requestInvalid });
  }

  override async transform(value: unknown, metadata: ArgumentMetadata): Promise<unknown> {
    // class-validator would check each item of an array, and nothing at all where there is no body.
    if (metadata.type === 'body' && (typeof value !== 'object' || value === null || Array.isArray(value))) {
      throw new ApiaryError('REQUEST_INVALID', 'the body must be a JSON object, sent as application/json');
    }
    return super.transform(value, metadata);
  }
}

function requestInvalid(errors: readonly Pick<ValidationError, 'property' | 'constraints'>[]): ApiaryError {
  const faults = errors.map(
    ({ property, constraints }) => [property, Object.values(constraints ?? {})[0] ?? 'is wrong'] as const,
  );
  const sentence = faults.map(([field, fault]) => `${field} ${fault}`).join('; ');
  return new ApiaryError('REQUEST_INVALID', sentence, Object.fromEntries(faults));
}
