import type { GpuObservation } from '../monitor.js';

/** One way to the NVIDIA cards. Never called while a reading is under way. */
export interface NvidiaBackend extends Disposable {
  readonly name: 'nvml' | 'nvidia-smi' | 'nvidia-smi -q -x' | 'demo';
  /**
   * Resolves `'absent'` where its library or program isn't there; rejects on failure. When `signal` fires, a reading
   * that can be ended is ended and rejects; one that hangs in the driver stays pending until the driver lets go.
   */
  read(signal: AbortSignal): Promise<readonly GpuObservation[] | 'absent'>;
}
