import { type Capabilities, decodeCapabilities, limits } from '#contracts';

/** Time for one host to answer, in ms. */
const ANSWER_MS = 10_000;

/** Asks for the capabilities of the hive at `hiveUrl`, and leaves our own URL there. Rejects if no hive answers. */
export async function askHive(
  hiveUrl: string,
  queenUrl: string | undefined,
  signal: AbortSignal,
): Promise<Capabilities> {
  const query = queenUrl === undefined ? '' : `?queen_url=${encodeURIComponent(queenUrl)}`;
  const response = await fetch(`${hiveUrl}/v1/capabilities${query}`, {
    redirect: 'manual',
    signal: AbortSignal.any([signal, AbortSignal.timeout(ANSWER_MS)]),
  });
  if (response.status !== 200) {
    await response.body?.cancel();
    throw new Error(`it answered ${response.status}`);
  }
  return decodeCapabilities(await boundedText(response));
}

/** Whoever listens on that port may not be a hive: it gets no more of our memory than an answer needs. */
async function boundedText(response: Response): Promise<string> {
  const decoder = new TextDecoder();
  let text = '';
  for await (const chunk of response.body ?? []) {
    text += decoder.decode(chunk, { stream: true });
    if (text.length > limits.EVENT_BYTES_MAX) throw new Error('its answer is longer than 1 MiB');
  }
  return text;
}
