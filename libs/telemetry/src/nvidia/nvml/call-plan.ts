/** What a call is given: a number, an address in the plan's memory, or the 64 bits that stand there when it is made. */
export type Arg = number | bigint | { readonly at: number } | { readonly in: number };

/** When a call is made, if not each time: calls are named by their number in the plan. */
export interface Condition {
  /** Not again once it has succeeded: what it wrote stays in the memory. */
  readonly once?: boolean;
  /** Only after this one succeeded. */
  readonly after?: number;
  /** Only where this one was given up: the library lacks it or the device does. */
  readonly instead?: number;
}

/** One call of a C function that takes numbers and pointers and returns an `int`, 0 for success. */
export interface NativeCall extends Condition {
  /** The function by all names it has had, the newest first: the first that the library knows is called. */
  readonly names: readonly string[];
  /** A letter for each argument: p pointer, i 32 bits, l 64 bits. */
  readonly types: string;
  readonly args: readonly Arg[];
}

/** A plan as the thread gets it. */
export interface PlanMessage {
  readonly calls: readonly NativeCall[];
  readonly memory: SharedArrayBuffer;
  readonly codes: SharedArrayBuffer;
}

/** What the calls of a plan have told, `null` for what they could not; to be read after they were made. */
export type Told<T> = () => T | null;

/** The widest that C asks for. */
const ALIGNMENT = 8;
/** Far more than 64 cards with all their slices need, in bytes. */
const MEMORY_BYTES_MAX = 64 * 1024 * 1024;

/**
 * A list of native calls that a thread makes in one go, any number of times, and the memory that they read and write.
 * First it is filled, then it is sealed by the first look at its memory. Memory and codes are shared with the thread:
 * between two goes they belong to this side, during one to the thread.
 */
export class CallPlan {
  private readonly calls: NativeCall[] = [];
  private readonly presets: ((memory: DataView) => void)[] = [];
  private size = 0;
  private sealed: { message: PlanMessage; memory: DataView; codes: Int32Array } | undefined;

  /** How many calls it has; the number of the next. */
  get length(): number {
    return this.calls.length;
  }

  /** Sets memory aside and tells where; `preset` writes what the call is to find there, before each go. */
  room(bytes: number, preset?: (memory: DataView, at: number) => void): number {
    const at = this.size;
    this.size += Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;
    if (this.size > MEMORY_BYTES_MAX) throw new RangeError('the plan needs too much memory');
    if (preset !== undefined) this.presets.push((memory) => preset(memory, at));
    return at;
  }

  /** Adds a call and tells its number. */
  call(names: string | readonly string[], types: string, args: readonly Arg[], condition: Condition = {}): number {
    return this.calls.push({ names: [names].flat(), types, args, ...condition }) - 1;
  }

  /** Writes the presets; to be called before each go. */
  prepare(): void {
    for (const preset of this.presets) preset(this.memory);
  }

  /** What the call returned. */
  code(call: number): number {
    return this.seal().codes[call] ?? 0;
  }

  /** Whether one of the calls from `start` to before `end` returned this code. */
  returned(code: number, start: number, end: number): boolean {
    return this.seal().codes.subarray(start, end).includes(code);
  }

  get memory(): DataView {
    return this.seal().memory;
  }

  /** The text that ends with a NUL, or with the room for it. */
  text(at: number, bytes: number): string {
    const text = Buffer.from(this.memory.buffer, at, bytes);
    const end = text.indexOf(0);
    return text.toString('utf8', 0, end < 0 ? bytes : end);
  }

  get message(): PlanMessage {
    return this.seal().message;
  }

  private seal(): NonNullable<CallPlan['sealed']> {
    if (this.sealed === undefined) {
      const memory = new SharedArrayBuffer(Math.max(this.size, ALIGNMENT));
      const codes = new SharedArrayBuffer(this.calls.length * Int32Array.BYTES_PER_ELEMENT);
      const message = { calls: this.calls, memory, codes };
      this.sealed = { message, memory: new DataView(memory), codes: new Int32Array(codes) };
    }
    return this.sealed;
  }
}
