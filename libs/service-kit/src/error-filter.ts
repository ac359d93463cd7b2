import { type ArgumentsHost, Catch, type ExceptionFilter, HttpException, Logger } from '@nestjs/common';
import type { Response } from 'express';

import { ApiaryError, type ApiaryErrorCode, type ErrorBody, limits } from '#contracts';

/** The HTTP status of each error. */
export const ERROR_STATUS: Record<ApiaryErrorCode, number> = {
  CONFIG_INVALID: 500,
  REQUEST_INVALID: 400,
  BODY_TOO_LARGE: 413,
  NOT_FOUND: 404,
  INTERNAL: 500,
  HIVE_CONFLICT: 409,
  HIVE_UNKNOWN: 404,
  FLEET_FULL: 503,
  VIEWERS_FULL: 503,
  QUEEN_BUSY: 503,
  NOT_READY: 503,
  WIRE_MALFORMED: 502,
};

/** Seconds after which to come back, sent with every 503. */
const RETRY_AFTER_S = 5;

/** Every failure leaves as JSON `ErrorBody`. What the caller got wrong is not logged; what we got wrong is, once. */
@Catch()
export class ErrorFilter implements ExceptionFilter {
  private readonly log = new Logger(ErrorFilter.name);

  catch(thrown: unknown, host: ArgumentsHost): void {
    const response = host.switchToHttp().getResponse<Response>();
    const { status, body } = this.explain(thrown);
    if (response.headersSent) {
      response.destroy();
      return;
    }
    if (status === 503) response.setHeader('Retry-After', String(RETRY_AFTER_S));
    response.status(status).json(body);
  }

  private explain(thrown: unknown): { status: number; body: ErrorBody } {
    if (thrown instanceof ApiaryError) {
      const { code, message, fields } = thrown;
      return { status: ERROR_STATUS[code], body: { status: 'error', code, message, ...(fields && { fields }) } };
    }
    const status = statusOf(thrown);
    if (status >= 500) this.log.error('unexpected failure', thrown instanceof Error ? thrown.stack : String(thrown));
    return { status, body: { status: 'error', ...describeStatus(status, thrown) } };
  }
}

/** Nest's exceptions and those of Express's body parser carry their status; anything else is our bug. */
function statusOf(thrown: unknown): number {
  if (thrown instanceof HttpException) return thrown.getStatus();
  const status = (thrown as { status?: unknown } | null)?.status;
  return typeof status === 'number' && status >= 400 && status < 500 ? status : 500;
}

function describeStatus(status: number, thrown: unknown): Pick<ErrorBody, 'code' | 'message'> {
  const said = thrown instanceof Error ? thrown.message : '';
  if (status === 404) return { code: 'NOT_FOUND', message: said };
  if (status === 413) {
    return { code: 'BODY_TOO_LARGE', message: `the body is larger than ${limits.BODY_BYTES_MAX} bytes` };
  }
  if (status >= 500) return { code: 'INTERNAL', message: 'an unexpected failure; the log has more' };
  // Express and Nest wrap what JSON.parse threw in different ways; its sentence survives.
  return { code: 'REQUEST_INVALID', message: said.includes('JSON') ? `the body is not valid JSON: ${said}` : said };
}
