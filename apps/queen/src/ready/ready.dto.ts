import { IsInt, IsOptional, Max, MaxLength, Min, registerDecorator, type ValidationArguments } from 'class-validator';

import { hiveIdFault, limits, originFault, type ReadyRequest } from '#contracts';
import { ApiProperty } from '#service-kit';

/** A property decorator over a rule of the contracts: `fault` gives the end of a sentence, or nothing. */
function Obeys(fault: (value: unknown) => string | undefined): PropertyDecorator {
  return (target, property) => {
    registerDecorator({
      name: 'obeys',
      target: target.constructor,
      propertyName: String(property),
      validator: {
        validate: (value: unknown) => fault(value) === undefined,
        defaultMessage: ({ value }: ValidationArguments | Record<string, never> = {}) => fault(value) ?? '',
      },
    });
  };
}

const says = (message: string): { message: string } => ({ message });

/** The body of `POST /v1/hive/ready`. */
export class ReadyDto implements ReadyRequest {
  @ApiProperty({ example: 'gpu-a', maxLength: limits.HIVE_ID_LENGTH_MAX, pattern: '^[A-Za-z0-9._-]+$' })
  @Obeys(hiveIdFault)
  readonly hive_id!: string;

  @ApiProperty({ example: 'http://10.0.0.5:7835', description: 'http(s)://host[:port] that the queen can dial' })
  @Obeys(originFault)
  readonly hive_url!: string;

  @ApiProperty({ required: false, example: '7f0c2a52-2a8e-4c39-9a51-0f6c3f0b6a11', description: 'fresh per start' })
  @IsOptional()
  @MaxLength(limits.TEXT_LENGTH_MAX, says(`must be a string of at most ${limits.TEXT_LENGTH_MAX} characters`))
  readonly boot_id?: string;

  @ApiProperty({ required: false, example: '0.1.0' })
  @IsOptional()
  @MaxLength(limits.TEXT_LENGTH_MAX, says(`must be a string of at most ${limits.TEXT_LENGTH_MAX} characters`))
  readonly version?: string;

  @ApiProperty({ required: false, example: 1000, default: 1000 })
  @IsOptional()
  @IsInt(says('must be a whole number'))
  @Min(limits.INTERVAL_MS_MIN, says(`must be at least ${limits.INTERVAL_MS_MIN}`))
  @Max(limits.INTERVAL_MS_MAX, says(`must be at most ${limits.INTERVAL_MS_MAX}`))
  readonly interval_ms?: number;
}
