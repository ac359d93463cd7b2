/** An inference server that listens where this hive can ask it. */
export interface InferenceServer {
  /** `group/instance` of its worker. */
  readonly worker: string;
  /** As the worker monitor names it: "vllm", "llama.cpp", … */
  readonly engine: string;
  /** `http://127.0.0.1:8000`: always this machine's loopback. */
  readonly origin: string;
  /** Its main process, and the ticks after boot when that started: a new one is a new server. */
  readonly pid: number;
  readonly startTicks: number;
}

/** What one monitor saw in its last reading and another looks at in its next. */
export class Sightings {
  private readonly holders = new Map<string, ReadonlySet<number>>();
  /** Kept up by the workers monitor, for the engines monitor. */
  servers: readonly InferenceServer[] = [];

  /** Every process that held GPU memory, over all vendors. */
  get gpuHolders(): ReadonlySet<number> {
    return new Set([...this.holders.values()].flatMap((pids) => [...pids]));
  }

  /** Each GPU monitor says which processes it saw, after each of its readings. */
  sawHolders(monitor: string, pids: Iterable<number>): void {
    this.holders.set(monitor, new Set(pids));
  }
}
