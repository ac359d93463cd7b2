import { clip } from '../../clip.js';
import { MIB } from '../../rate.js';
import type { Arg, CallPlan, Condition, Told } from './call-plan.js';
import { MEMORY_V1, MEMORY_V2, TEXT_BYTES } from './nvml-h.js';

type Names = string | readonly string[];

const U32 = 4;
const U64 = 8;

/** How the memory of a card or of a slice of it is used, in MiB. */
export interface MemoryUse {
  readonly vram_used_mb: number;
  readonly vram_total_mb: number;
}

/** Adds the questions about one device to a plan, each with what its answer means. */
export class DeviceQuestions {
  constructor(
    readonly plan: CallPlan,
    readonly device: Arg,
    private readonly condition: Condition = {},
  ) {}

  /** The same device, asked under a condition. */
  under(condition: Condition): DeviceQuestions {
    return new DeviceQuestions(this.plan, this.device, { ...this.condition, ...condition });
  }

  /** A call about the device; tells its number. */
  call(names: Names, types: string, args: readonly Arg[]): number {
    return this.plan.call(names, `p${types}`, [this.device, ...args], this.condition);
  }

  /** A function that writes one number of 32 bits. */
  u32(names: Names, ...inputs: readonly number[]): Told<number> {
    return this.struct(names, inputs, U32, (memory, at) => memory.getUint32(at, true));
  }

  /** A function that writes one number of 64 bits; above 2^53 it is not exact. */
  u64(names: Names, ...inputs: readonly number[]): Told<number> {
    return this.struct(names, inputs, U64, (memory, at) => Number(memory.getBigUint64(at, true)));
  }

  /** A function that writes several numbers of 32 bits, each behind a pointer of its own. */
  u32s(names: Names, count: number): Told<readonly number[]> {
    const places = Array.from({ length: count }, () => this.plan.room(U32));
    const call = this.call(names, 'p'.repeat(count), places.map((at) => ({ at }))); // prettier-ignore
    return this.told(call, () => places.map((at) => this.plan.memory.getUint32(at, true)));
  }

  /** A function that writes a struct behind its last argument. */
  struct<T>(
    names: Names,
    inputs: readonly number[],
    bytes: number,
    read: (memory: DataView, at: number) => T | null,
    preset?: (memory: DataView, at: number) => void,
  ): Told<T> {
    const at = this.plan.room(bytes, preset);
    const call = this.call(names, `${'i'.repeat(inputs.length)}p`, [...inputs, { at }]);
    return this.told(call, () => read(this.plan.memory, at));
  }

  /** A function that writes a text, clipped to what the wire takes. */
  text(names: Names): Told<string> {
    const at = this.plan.room(TEXT_BYTES);
    const call = this.call(names, 'pi', [{ at }, TEXT_BYTES]);
    return this.told(call, () => clip(this.plan.text(at, TEXT_BYTES)) || null);
  }

  /**
   * As the nvidia-smi of the same driver shows it: where the driver tells what it reserves apart, that is not used.
   * nvidia-smi cuts to whole MiB.
   */
  memory(): Told<MemoryUse> {
    const version = (memory: DataView, at: number): void => memory.setUint32(at, MEMORY_V2.version, true);
    const first = this.plan.length;
    const now = this.struct('nvmlDeviceGetMemoryInfo_v2', [], MEMORY_V2.bytes, useIn(MEMORY_V2), version);
    const before = this.under({ instead: first }).struct(
      'nvmlDeviceGetMemoryInfo',
      [],
      MEMORY_V1.bytes,
      useIn(MEMORY_V1),
    );
    return () => now() ?? before();
  }

  private told<T>(call: number, read: () => T | null): Told<T> {
    return () => (this.plan.code(call) === 0 ? read() : null);
  }
}

function useIn(layout: { readonly used: number; readonly total: number }) {
  return (memory: DataView, at: number): MemoryUse => ({
    vram_used_mb: wholeMib(memory.getBigUint64(at + layout.used, true)),
    vram_total_mb: wholeMib(memory.getBigUint64(at + layout.total, true)),
  });
}

function wholeMib(bytes: bigint): number {
  return Number(bytes / BigInt(MIB));
}
