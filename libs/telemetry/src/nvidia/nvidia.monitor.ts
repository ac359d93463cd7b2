import type { Clock } from '#service-kit';

import { withLostGpus } from '../lost-gpus.js';
import type { Contribution, GpuObservation, Monitor } from '../monitor.js';
import type { Sightings } from '../sightings.js';
import { findOnPath, isExecutable } from './find-executable.js';
import { NvidiaSmiHelper } from './nvidia-smi-helper.js';
import { parseNvidiaSmi } from './nvidia-smi-parser.js';

/** A healthy nvidia-smi takes 20 ms to 2 s, the longest without persistence mode. */
const BUDGET_MS = 5000;
/** A driver may be installed while the hive runs. */
const SEARCH_AGAIN_MS = 60_000;

/**
 * The NVIDIA GPUs, through nvidia-smi; absent where there is none on the PATH.
 * Its processes are in the helper's fence; see `NvidiaSmiHelper`.
 */
export class NvidiaMonitor implements Monitor {
  readonly name = 'nvidia';
  readonly budgetMs = BUDGET_MS;
  private readonly helper = new NvidiaSmiHelper();
  private executable: string | undefined;
  private searchedAtMs = -Infinity;
  private gpus: readonly GpuObservation[] = [];
  private readAtMs = 0;

  /** `nvidiaSmi`: a path, or undefined to look on `path`, the operating system's PATH. */
  constructor(
    private readonly nvidiaSmi: string | undefined,
    private readonly clock: Clock,
    private readonly sightings: Sightings,
    private readonly path: string = process.env['PATH'] ?? '',
  ) {}

  async read(signal: AbortSignal): Promise<Contribution | 'absent'> {
    this.executable ??= await this.find();
    if (this.executable === undefined) return 'absent';
    try {
      const log = await this.helper.query(this.executable, signal);
      const atMs = this.clock.monotonicMs();
      this.gpus = withLostGpus(this.gpus, parseNvidiaSmi(log), atMs - this.readAtMs);
      this.readAtMs = atMs;
      const processes = this.gpus.flatMap((gpu) => gpu.processes ?? []);
      this.sightings.sawHolders(this.name, processes.map(({ pid }) => pid)); // prettier-ignore
      return { gpus: this.gpus };
    } catch (error) {
      // It may have been removed or replaced.
      this.executable = undefined;
      throw error;
    }
  }

  [Symbol.dispose](): void {
    this.helper[Symbol.dispose]();
  }

  private async find(): Promise<string | undefined> {
    if (this.nvidiaSmi !== undefined) {
      if (await isExecutable(this.nvidiaSmi)) return this.nvidiaSmi;
      throw new Error(`${this.nvidiaSmi} is not an executable file`);
    }
    if (this.clock.monotonicMs() - this.searchedAtMs < SEARCH_AGAIN_MS) return undefined;
    this.searchedAtMs = this.clock.monotonicMs();
    return findOnPath('nvidia-smi', this.path);
  }
}
