import type { GpuObservation } from '../../monitor.js';
import { findNvidiaSmi, type SmiLocation } from './find-executable.js';
import type { NvidiaBackend } from '../nvidia-backend.js';
import { NvidiaSmiHelper } from './nvidia-smi-helper.js';
import { parseNvidiaSmi } from './nvidia-smi-parser.js';

/** The cards through a whole `nvidia-smi -q -x` with each reading: the last resort. Its runs are in the helper's fence. */
export class NvidiaSmiXmlBackend implements NvidiaBackend {
  readonly name = 'nvidia-smi -q -x';
  private readonly helper = new NvidiaSmiHelper();
  private executable: string | undefined;

  constructor(private readonly location: SmiLocation) {}

  async read(signal: AbortSignal): Promise<readonly GpuObservation[] | 'absent'> {
    this.executable ??= await findNvidiaSmi(this.location);
    if (this.executable === undefined) return 'absent';
    try {
      return parseNvidiaSmi(await this.helper.query(this.executable, signal));
    } catch (error) {
      // It may have been removed or replaced.
      this.executable = undefined;
      throw error;
    }
  }

  [Symbol.dispose](): void {
    this.helper[Symbol.dispose]();
  }
}
