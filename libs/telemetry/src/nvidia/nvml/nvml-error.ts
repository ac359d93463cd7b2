import type { NativeThread } from './native-thread.js';

/** What NVML itself says of a return code. */
export async function nvmlError(thread: NativeThread, code: number): Promise<Error> {
  return new Error(`NVML: ${await thread.explain('nvmlErrorString', code)}`);
}
