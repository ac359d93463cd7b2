/**
 * Why something was refused. Stable: callers branch on it.
 *
 * - `CONFIG_INVALID`: a setting makes no sense; the process ends with exit code 78.
 * - `REQUEST_INVALID` (400): the request's body or query; `fields` names what is wrong.
 * - `BODY_TOO_LARGE` (413), `NOT_FOUND` (404), `INTERNAL` (500): as in HTTP.
 * - `HIVE_CONFLICT` (409): this `hive_id` is live at another URL.
 * - `HIVE_UNKNOWN` (404): no hive of this id, or no worker that matches.
 * - `FLEET_FULL` (503): the queen follows as many hives as it may.
 * - `VIEWERS_FULL` (503): the queen serves as many viewers as it may.
 * - `QUEEN_BUSY` (503): too many hives wait to be dialled; come back later.
 * - `NOT_READY` (503): no sample has been taken yet.
 * - `WIRE_MALFORMED`: a peer sent something that is not the protocol.
 */
export type ApiaryErrorCode =
  | 'CONFIG_INVALID'
  | 'REQUEST_INVALID'
  | 'BODY_TOO_LARGE'
  | 'NOT_FOUND'
  | 'INTERNAL'
  | 'HIVE_CONFLICT'
  | 'HIVE_UNKNOWN'
  | 'FLEET_FULL'
  | 'VIEWERS_FULL'
  | 'QUEEN_BUSY'
  | 'NOT_READY'
  | 'WIRE_MALFORMED';

/** The wrong fields of a request: name to what is wrong with it, one sentence each. */
export type FieldErrors = Readonly<Record<string, string>>;

/** The JSON body of every answer that is not a success. */
export interface ErrorBody {
  readonly status: 'error';
  readonly code: ApiaryErrorCode;
  readonly message: string;
  readonly fields?: FieldErrors;
}

/** An expected failure. Anything else that is thrown is a bug. */
export class ApiaryError extends Error {
  override readonly name = 'ApiaryError';

  /** `message` is one sentence for a person; `fields` names the wrong fields of a request. */
  constructor(
    readonly code: ApiaryErrorCode,
    message: string,
    readonly fields?: FieldErrors,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** The sentence of anything that was thrown; the causes of a failed fetch are spelled out. */
export function describeError(error: unknown): string {
  const message = messageOf(error);
  if (message === undefined) return String(error);
  const cause = messageOf((error as { cause?: unknown }).cause) ?? '';
  return cause !== '' && !message.includes(cause) ? `${message}: ${cause}` : message;
}

/** Not by `instanceof`: an error of another realm, such as that of a worker, is one as well. */
function messageOf(error: unknown): string | undefined {
  const message = (error as { message?: unknown } | null | undefined)?.message;
  return typeof message === 'string' ? message : undefined;
}
