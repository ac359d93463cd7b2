/** Ticks per second of the times in `/proc/{pid}/stat`: fixed in the Linux interface, whatever the kernel's own. */
export const TICKS_PER_SECOND = 100;

/** What `/proc/{pid}/stat` says of a process. */
export interface ProcessStat {
  /** One letter: R runs, S sleeps, D waits for a driver or a disk, Z is a zombie. */
  readonly state: string;
  readonly parent: number;
  /** Its process group. */
  readonly group: number;
  /** What the kernel calls it: the program's name, cut at 15 bytes, or what it gave itself. */
  readonly name: string;
  /** User and system time of all its threads, without its children's. */
  readonly cpuTicks: number;
  /** Since the machine booted. With the pid it names one process for ever. */
  readonly startTicks: number;
  /** By its flag: to be the child of the second process means nothing in a PID namespace of its own. */
  readonly isKernelThread: boolean;
  /** A thread that is not its process's first: it has a folder that is not listed. */
  readonly isThread: boolean;
  /** Another one after each `exec`: the name, and where the kernel laid out code and stack (if it may be told). */
  readonly image: string;
}

/** `PF_KTHREAD` among the flags (linux/sched.h). */
const KERNEL_THREAD = 0x0020_0000;
/** Of field 3, the first behind the name, counted as in proc(5). */
const FIRST = 3;
/** The last one that is looked at. */
const LAST = 38;

/** `null` where the text is not such a line, as when the process ended while it was read. */
export function parseProcessStat(text: string): ProcessStat | null {
  // Field 2, the name, may hold spaces, brackets and line ends: what counts begins after the last bracket.
  const nameEnd = text.lastIndexOf(')');
  const fields = text.slice(nameEnd + 2).split(' ', LAST - FIRST + 1);
  const name = text.slice(text.indexOf('(') + 1, nameEnd);
  const field = (position: number): number => Number(fields[position - FIRST] ?? NaN);
  const parent = field(4);
  const group = field(5);
  const cpuTicks = field(14) + field(15);
  const startTicks = field(22);
  const [code, stack] = [field(26), field(28)];
  // One that is missing or odd makes the sum so.
  if (nameEnd < 0 || !Number.isFinite(parent + group + cpuTicks + startTicks + code + stack)) return null;
  return {
    state: fields[0] ?? '',
    parent,
    group,
    cpuTicks,
    startTicks,
    name,
    isKernelThread: (field(9) & KERNEL_THREAD) !== 0,
    // No signal goes to the parent when a thread ends.
    isThread: fields[LAST - FIRST] === '-1',
    image: `${name}/${code}/${stack}`,
  };
}

/** Ended: nothing but its entry is left. */
export function isDead(state: string): boolean {
  return state === 'Z' || state === 'X' || state === 'x';
}
