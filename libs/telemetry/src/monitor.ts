import type {
  EngineMetrics,
  GpuProcessReading,
  GpuProcessState,
  GpuReading,
  MonitorReport,
  NodeReading,
  WorkerReading,
} from '#contracts';

/** A process that holds memory of a GPU, as the driver tells it: `vram_mb` is `null` where it names the process only. */
export type GpuProcess = Pick<GpuProcessReading, 'pid' | 'vram_mb' | 'sm_util_pct'>;

type WorkedOutOfGpu = 'id' | 'index' | 'age_ms' | 'unattributed_vram_mb' | 'processes';

/** A GPU as its driver reports it; `composeSample` numbers all cards and works out what the workers hold of them. */
export interface GpuObservation extends Omit<GpuReading, WorkedOutOfGpu> {
  /** `null` where the driver can't list processes at all. */
  readonly processes: readonly GpuProcess[] | null;
  /** How old the values were when the monitor gave them; 0 where left out. */
  readonly ageMs?: number;
}

type WorkedOutOfWorker =
  | keyof EngineMetrics
  | 'worker_id'
  | 'engine_error'
  | 'idle_s'
  | 'gpu_util_pct'
  | 'power_est_w'
  | 'vram_mb'
  | 'total_vram_mb'
  | 'gpu_ids';

/**
 * A worker as the OS shows it, with all of its processes; `composeSample` adds what it holds of the GPUs and what its
 * engine says.
 */
export type WorkerObservation = Omit<WorkerReading, WorkedOutOfWorker>;

/** A process that holds GPU memory, as the OS shows it. */
export interface ProcessObservation {
  readonly name: string | null;
  readonly state: GpuProcessState;
}

/** What the engine of one worker answered. */
export interface EngineObservation extends EngineMetrics {
  readonly model: string | null;
  /** How long no request has run, as far as it was watched. */
  readonly idle_s: number | null;
  /** Whether it has ever answered since its main process started; `null` where it is not asked. */
  readonly has_answered: boolean | null;
  /** Why values are `null`, in one sentence. */
  readonly error: string | null;
}

/** What one monitor adds to a sample. No two monitors give the same key of `node`. */
export interface Contribution {
  readonly node?: Partial<NodeReading>;
  /** Several monitors may give GPUs, each those of other vendors. */
  readonly gpus?: readonly GpuObservation[];
  readonly workers?: readonly WorkerObservation[];
  /** The processes that hold GPU memory, by pid, as far as this hive can see them. */
  readonly processes?: ReadonlyMap<number, ProcessObservation>;
  /** By `group/instance` of the worker. */
  readonly engines?: ReadonlyMap<string, EngineObservation>;
  /** One sentence on a reading that is right and may surprise: what is missing in it and how to have it. */
  readonly hint?: string;
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
  /** What is still true of its last reading when that is too old to be shown, or the sensor has failed since. */
  remains?(lastKnown: Contribution): Contribution;
  /** Ends what outlives a reading, such as a helper process. */
  [Symbol.dispose]?(): void;
}

/** The latest that is known from one monitor. */
export interface MonitorOutcome {
  readonly report: MonitorReport;
  /** With status `failed` no more than what remains of the last. */
  readonly contribution?: Contribution;
  /** The sensor was over its budget: the contribution is the last that it gave, not what is now. */
  readonly unanswered?: true;
}
