import type { Clock } from '#service-kit';

import type { GpuObservation, GpuProcess } from '../../monitor.js';
import { NvidiaSmiHelper } from './nvidia-smi-helper.js';
import { parseXmlExtras, type XmlExtras } from './nvidia-smi-parser.js';
import { type ComputeApps, startApps } from './smi-apps.js';
import type { SmiProcess } from './smi-process.js';

/** How often processes are asked for, and how often at most when the memory of a card has changed since. */
const APPS_MS = 10_000;
const APPS_MS_MIN = 2_000;
/** How often the whole XML is read: where it tells of slices or of processes that draw, and where it doesn't. */
const XML_MS = 10_000;
const XML_IDLE_MS = 60_000;
/** A run that takes longer is killed. */
const BUDGET_MS = 10_000;
/** What is older is no longer told. */
const APPS_KEEP_MS = 6 * APPS_MS;
const XML_KEEP_MS = 3 * XML_IDLE_MS;

interface Told<T> {
  readonly value: T;
  readonly atMs: number;
}

/**
 * What the stream of `--query-gpu` can't tell: the processes, from `--query-compute-apps`, and slices, processes that
 * draw and replaced rows, from `-q -x`. Read beside the stream at a slower pace, one run at a time, and only right
 * after the stream has shown that the driver answers: so no more than one run can get stuck beside it, and while that
 * one is stuck there is no other.
 */
export class NvidiaSmiDetails implements Disposable {
  private readonly helper = new NvidiaSmiHelper();
  private apps: Told<ComputeApps> | undefined;
  private extras: Told<ReadonlyMap<string, XmlExtras>> | undefined;
  private former: SmiProcess | undefined;
  private abort: AbortController | undefined;
  private readonly closing = new AbortController();
  private appsTriedMs = -Infinity;
  private xmlTriedMs = -Infinity;
  /** The memory in use when processes were last asked for: where it has changed, they may have. */
  private usedMb = '';

  constructor(private readonly clock: Clock) {}

  /** Resolves once no run of these is left; rejects when `signal` fires and one still hangs. */
  async idle(signal: AbortSignal): Promise<void> {
    await this.former?.gone(signal);
    await this.helper.gone(signal);
  }

  /** How many cards the last XML listed; `null` before the first. */
  get cardsListed(): number | null {
    return this.extras?.value.size ?? null;
  }

  /** Starts what is due, unless a run is under way. Waits for nothing and never throws. */
  refresh(executable: string, gpus: readonly GpuObservation[]): void {
    if (this.abort !== undefined) return;
    const nowMs = this.clock.monotonicMs();
    const usedMb = gpus.map(({ vram_used_mb }) => vram_used_mb).join();
    if (nowMs - this.appsTriedMs >= (usedMb === this.usedMb ? APPS_MS : APPS_MS_MIN)) {
      [this.appsTriedMs, this.usedMb] = [nowMs, usedMb];
      this.begin((signal) => this.readApps(executable, signal));
    } else if (nowMs - this.xmlTriedMs >= this.xmlPaceMs) {
      this.xmlTriedMs = nowMs;
      this.begin((signal) => this.readXml(executable, signal));
    }
  }

  /** The card with what is known of it beyond the stream. */
  completed(gpu: GpuObservation): GpuObservation {
    const extras = this.current(this.extras, XML_KEEP_MS)?.get(gpu.pci_bus_id ?? '');
    return {
      ...gpu,
      processes: this.processes(gpu.pci_bus_id ?? '', extras),
      mig_devices: gpu.mig_mode === 'enabled' ? (extras?.mig_devices ?? []) : [],
      remapped_rows: gpu.remapped_rows ?? extras?.remapped_rows ?? null,
    };
  }

  [Symbol.dispose](): void {
    this.abort?.abort();
    this.closing.abort();
    this.former?.[Symbol.dispose]();
    this.helper[Symbol.dispose]();
  }

  private get xmlPaceMs(): number {
    const told = [...(this.extras?.value.values() ?? [])];
    const moves = told.some(({ mig_devices, graphics }) => mig_devices.length > 0 || (graphics ?? []).length > 0);
    return moves ? XML_MS : XML_IDLE_MS;
  }

  private begin(read: (signal: AbortSignal) => Promise<void>): void {
    const abort = (this.abort = new AbortController());
    const deadline = this.clock.scheduler.schedule(() => abort.abort(), BUDGET_MS);
    // What fails is tried again at its pace, and what it told before is kept until it is too old. A reading ends only
    // with the last of its processes.
    void read(abort.signal)
      .catch(() => undefined)
      .finally(() => {
        deadline.unsubscribe();
        this.abort = undefined;
      });
  }

  private async readApps(executable: string, signal: AbortSignal): Promise<void> {
    const { run, apps } = startApps(executable);
    this.former = run;
    signal.addEventListener('abort', () => run.stop(), { once: true });
    try {
      this.apps = { value: await apps, atMs: this.clock.monotonicMs() };
    } finally {
      await run.gone(this.closing.signal);
    }
  }

  private async readXml(executable: string, signal: AbortSignal): Promise<void> {
    try {
      const value = parseXmlExtras(await this.helper.query(executable, signal));
      this.extras = { value, atMs: this.clock.monotonicMs() };
    } finally {
      // Between two readings that are far apart its memory is worth more than its start.
      if (this.xmlPaceMs > XML_MS) this.helper[Symbol.dispose]();
      await this.helper.gone(this.closing.signal);
    }
  }

  private processes(card: string, extras: XmlExtras | undefined): readonly GpuProcess[] | null {
    const apps = this.current(this.apps, APPS_KEEP_MS);
    const computing = apps?.get(card) ?? (apps?.has(card) === false ? [] : null);
    if (computing === null) return null;
    const pids = new Set(computing.map(({ pid }) => pid));
    return [...computing, ...(extras?.graphics ?? []).filter(({ pid }) => !pids.has(pid))];
  }

  private current<T>(told: Told<T> | undefined, keepMs: number): T | undefined {
    return told !== undefined && this.clock.monotonicMs() - told.atMs <= keepMs ? told.value : undefined;
  }
}
