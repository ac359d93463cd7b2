import type { GpuReading, MonitorReport, NodeReading, WorkerReading } from '#contracts';

/** A process that holds memory of a GPU, as the driver tells it. */
export interface GpuProcess {
  readonly pid: number;
  /** `null` where the driver names the process but not its memory. */
  readonly vram_mb: number | null;
}

/** A GPU as its driver reports it; what the workers hold of it is worked out by `composeSample`. */
export interface GpuObservation extends Omit<GpuReading, 'unattributed_vram_mb'> {
  /** `null` where the driver can't list processes at all. */
  readonly processes: readonly GpuProcess[] | null;
}

/** A worker as the OS shows it; what it holds of the GPUs is worked out by `composeSample`. */
export type WorkerObservation = Omit<
  WorkerReading,
  'worker_id' | 'gpu_util_pct' | 'vram_mb' | 'total_vram_mb' | 'gpu_ids'
>;

/** What one monitor adds to a sample. No two monitors give the same key of `node`. */
export interface Contribution {
  readonly node?: Partial<NodeReading>;
  readonly gpus?: readonly GpuObservation[];
  readonly workers?: readonly WorkerObservation[];
}

/** One sensor. Reads when it is told to, keeps what its rates need, never starts a timer of its own. */
export interface Monitor {
  readonly name: string;
  /** A reading that takes longer is aborted, in ms. */
  readonly budgetMs: number;
  /**
   * Rejects on failure; resolves `'absent'` where the hardware or the OS feature isn't there.
   * `signal` fires when the budget is spent: everything that the reading started must then end.
   * Never called while a reading is under way.
   */
  read(signal: AbortSignal): Promise<Contribution | 'absent'>;
  /** Ends what outlives a reading, such as a helper process. */
  [Symbol.dispose]?(): void;
}

/** The latest that is known from one monitor. */
export interface MonitorOutcome {
  readonly report: MonitorReport;
  /** Only with status `ok` or `stale`. */
  readonly contribution?: Contribution;
  /** The sensor was over its budget: the contribution is the last that it gave, not what is now. */
  readonly unanswered?: true;
}
