/** One event as bytes on the wire. `data` is one line of JSON; `id` and `event` are ours and hold no line ends. */
export interface SseEvent {
  readonly id: string;
  readonly event: string;
  readonly data: string;
}

/** `id`, `event`, `data`, blank line; LF only. */
export function encodeSse({ id, event, data }: SseEvent): string {
  return `id: ${id}\nevent: ${event}\ndata: ${data}\n\n`;
}

/** How long a client waits before it connects again; no event. */
export const encodeSseRetry = (ms: number): string => `retry: ${Math.round(ms)}\n\n`;

/** A comment: keeps a connection warm, is no event. */
export const SSE_KEEP_ALIVE = ':\n\n';

/** The headers of a stream: nobody on the way may store, transform or buffer it. */
export const SSE_HEADERS = {
  'Content-Type': 'text/event-stream',
  'Cache-Control': 'no-store, no-transform',
  'X-Accel-Buffering': 'no',
} as const;
