import type { Told } from './call-plan.js';
import type { DeviceQuestions } from './device-questions.js';
import { NVML, PROCESS_SAMPLE } from './nvml-h.js';
import { growTo, type ListRoom, type ProcessMemory } from './process-questions.js';

/** How long a sample counts: the driver takes one every 1/6 s to 1 s, and hands it out up to some seconds late. */
const SAMPLE_KEPT_MS = 5_000;

interface Sample {
  readonly pid: number;
  readonly timeStamp: bigint;
  readonly smUtilPct: number;
}

/** Which share of one card each process had, from the samples that its driver takes. */
export class ProcessUtilization {
  /** The newest that was seen, in the driver's own µs; undefined until the driver was asked once. */
  private lastSeen: bigint | undefined;
  private kept: ReadonlyMap<number, { readonly smUtilPct: number; readonly atMs: number }> = new Map();

  /**
   * Asks for the samples since the last time. An empty list means that no process ran, `null` that the driver takes
   * no samples.
   */
  ask(questions: DeviceQuestions, room: ListRoom): Told<readonly Sample[]> {
    const { plan } = questions;
    const { entries } = room;
    const lastSeen = plan.room(8, (memory, at) => memory.setBigUint64(at, this.lastSeen ?? 0n, true));
    const count = plan.room(4, (memory, at) => memory.setUint32(at, entries, true));
    const list = plan.room(entries * PROCESS_SAMPLE.bytes);
    const args = [{ at: list }, { at: count }, { in: lastSeen }];
    const call = questions.call('nvmlDeviceGetProcessUtilization', 'ppl', args);
    return () => {
      const code = plan.code(call);
      const length = plan.memory.getUint32(count, true);
      if (code === NVML.INSUFFICIENT_SIZE) growTo(room, length);
      if (code === NVML.NOT_FOUND) return [];
      if (code !== 0 || length > entries) return null;
      return Array.from({ length }, (_, index) => sampleAt(plan.memory, list + index * PROCESS_SAMPLE.bytes));
    };
  }

  /**
   * The share of each process by pid, 0..100. On an idle card that is 0. A process without a sample did not run if
   * another one has a sample; if none has, the driver sees work that it can't tell whose it is, and the share is
   * unknown. So it is at first: those samples are of a time that nobody knows.
   */
  take(
    samples: readonly Sample[] | null,
    processes: ProcessMemory,
    utilPct: number | null,
    atMs: number,
  ): (pid: number) => number | null {
    if (samples === null) return () => null;
    const before = this.lastSeen;
    const fresh = samples.filter((sample) => isSound(sample, processes, before ?? 0n));
    this.lastSeen = fresh.reduce((newest, { timeStamp }) => (timeStamp > newest ? timeStamp : newest), before ?? 0n);
    if (before === undefined) return () => null;
    this.keep(fresh, processes, atMs);
    const { kept } = this;
    if (utilPct === 0) return () => 0;
    return (pid) => kept.get(pid)?.smUtilPct ?? (kept.size > 0 ? 0 : null);
  }

  private keep(fresh: readonly Sample[], processes: ProcessMemory, atMs: number): void {
    const still = [...this.kept].filter(([pid, seen]) => processes.has(pid) && atMs - seen.atMs < SAMPLE_KEPT_MS);
    const inOrder = [...fresh].sort((a, b) => (a.timeStamp < b.timeStamp ? -1 : 1));
    this.kept = new Map([...still, ...inOrder.map(({ pid, smUtilPct }) => [pid, { smUtilPct, atMs }] as const)]);
  }
}

function sampleAt(memory: DataView, at: number): Sample {
  return {
    pid: memory.getUint32(at + PROCESS_SAMPLE.pid, true),
    timeStamp: memory.getBigUint64(at + PROCESS_SAMPLE.timeStamp, true),
    smUtilPct: memory.getUint32(at + PROCESS_SAMPLE.smUtil, true),
  };
}

/** Drivers have been seen to fill the list with entries of no process and with shares of millions of percent. */
function isSound({ pid, timeStamp, smUtilPct }: Sample, processes: ProcessMemory, lastSeen: bigint): boolean {
  return processes.has(pid) && timeStamp > lastSeen && smUtilPct <= 100;
}
