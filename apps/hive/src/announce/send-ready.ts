import { decodeReadyAnswer, describeError, type ReadyAnswer, type ReadyRequest } from '#contracts';

/** Time for one try, in ms. */
const TRY_MS = 5_000;
/** Answers that won't change until an operator acts. */
const REFUSALS = new Set([400, 401, 403, 409]);
const REASON_LENGTH_MAX = 300;

/** How one try ended. */
export type ReadyOutcome =
  | { readonly kind: 'acknowledged'; readonly answer: ReadyAnswer }
  | { readonly kind: 'refused'; readonly reason: string }
  | { readonly kind: 'not-yet'; readonly reason: string; readonly retryAfterMs?: number };

/** Tells the queen once that this hive is ready. Never rejects. */
export async function sendReady(queenUrl: string, body: ReadyRequest, signal: AbortSignal): Promise<ReadyOutcome> {
  try {
    const response = await fetch(`${queenUrl}/v1/hive/ready`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify(body),
      redirect: 'manual',
      signal: AbortSignal.any([signal, AbortSignal.timeout(TRY_MS)]),
    });
    const text = await response.text();
    if (response.status === 200) return { kind: 'acknowledged', answer: decodeReadyAnswer(text) };
    const reason = `${response.status} ${messageOf(text)}`.trimEnd();
    if (REFUSALS.has(response.status)) return { kind: 'refused', reason };
    const retryAfterS = Number(response.headers.get('retry-after') ?? Number.NaN);
    return { kind: 'not-yet', reason, ...(retryAfterS >= 0 && { retryAfterMs: retryAfterS * 1000 }) };
  } catch (error) {
    return { kind: 'not-yet', reason: describeError(error) };
  }
}

function messageOf(text: string): string {
  try {
    const { message } = JSON.parse(text) as { message?: unknown };
    return typeof message === 'string' ? message.slice(0, REASON_LENGTH_MAX) : '';
  } catch {
    return '';
  }
}
