import { MIB } from '../../rate.js';
import type { GpuProcess } from '../../monitor.js';
import type { Told } from './call-plan.js';
import type { DeviceQuestions } from './device-questions.js';
import { NOT_AVAILABLE, NVML, PROCESS_INFO, PROCESS_INFO_V1 } from './nvml-h.js';

/** How many entries a list of a device has room for until it turns out to need more. */
export const LIST_ROOM = 64;
/** A longer list is not believed: far more than a driver can serve. */
const LIST_MAX = 4096;

/** Process memory by pid, in MiB; `null` where the driver names the process only. */
export type ProcessMemory = ReadonlyMap<number, number | null>;

/** How much room the lists of a device get; grows to what its driver says it needs. */
export interface ListRoom {
  entries: number;
}

/**
 * The processes that compute on a device and those that draw on it, in one list; a process that does both holds its
 * memory once. `null` where either list is unknown: a part must not pass for all.
 */
export function askProcesses(questions: DeviceQuestions, room: ListRoom): Told<ProcessMemory> {
  const compute = askList(questions, room, 'nvmlDeviceGetComputeRunningProcesses');
  const graphics = askList(questions, room, 'nvmlDeviceGetGraphicsRunningProcesses');
  return () => {
    const [computing, drawing] = [compute(), graphics()];
    if (computing === null || drawing === null) return null;
    const all = new Map(computing);
    for (const [pid, mb] of drawing) all.set(pid, larger(all.get(pid) ?? null, mb));
    return all;
  };
}

/** Adds up what the processes hold of several slices of a card; `null` where one of the lists is unknown. */
export function sumProcesses(lists: readonly (ProcessMemory | null)[]): ProcessMemory | null {
  const all = new Map<number, number | null>();
  for (const list of lists) {
    if (list === null) return null;
    for (const [pid, mb] of list) {
      const before = all.get(pid);
      all.set(pid, before === undefined ? mb : before === null || mb === null ? null : before + mb);
    }
  }
  return all;
}

/** The list as an observation has it; `smUtilOf` tells the utilization of each pid. */
export function processesOf(list: ProcessMemory, smUtilOf: (pid: number) => number | null): readonly GpuProcess[] {
  return [...list].map(([pid, vram_mb]) => ({ pid, vram_mb, sm_util_pct: smUtilOf(pid) }));
}

function askList(questions: DeviceQuestions, room: ListRoom, name: string): Told<ProcessMemory> {
  const first = questions.plan.length;
  const now = askVersion(questions, room, [`${name}_v3`, `${name}_v2`], PROCESS_INFO);
  const before = askVersion(questions.under({ instead: first }), room, [name], PROCESS_INFO_V1);
  return () => now() ?? before();
}

function askVersion(
  questions: DeviceQuestions,
  room: ListRoom,
  names: readonly string[],
  layout: { readonly bytes: number; readonly pid: number; readonly used: number },
): Told<ProcessMemory> {
  const { plan } = questions;
  const { entries } = room;
  const count = plan.room(4, (memory, at) => memory.setUint32(at, entries, true));
  const list = plan.room(entries * layout.bytes);
  const call = questions.call(names, 'pp', [{ at: count }, { at: list }]);
  return () => {
    const length = plan.memory.getUint32(count, true);
    if (plan.code(call) === NVML.INSUFFICIENT_SIZE) growTo(room, length);
    if (plan.code(call) !== 0 || length > entries) return null;
    const places = Array.from({ length }, (_, index) => list + index * layout.bytes);
    return new Map(
      places.map((at) => [
        plan.memory.getUint32(at + layout.pid, true),
        wholeMib(plan.memory.getBigUint64(at + layout.used, true)),
      ]),
    );
  };
}

/** Twice what is needed now, as processes come while one counts them. */
export function growTo(room: ListRoom, needed: number): void {
  if (needed <= LIST_MAX) room.entries = Math.min(LIST_MAX, Math.max(room.entries, needed) * 2);
}

function wholeMib(bytes: bigint): number | null {
  return bytes === NOT_AVAILABLE ? null : Number(bytes / BigInt(MIB));
}

function larger(a: number | null, b: number | null): number | null {
  return a === null || b === null ? (a ?? b) : Math.max(a, b);
}
