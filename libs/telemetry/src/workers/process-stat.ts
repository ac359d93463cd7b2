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
  /** Another one after each `exec`: the name, and where the kernel laid out code and stack (if it may be told). */
  readonly image: string;
}

/** `null` where the text is not such a line, as when the process ended while it was read. */
export function parseProcessStat(text: string): ProcessStat | null {
  // Field 2, the name, may hold spaces, brackets and line ends: what counts begins after the last bracket.
  const nameEnd = text.lastIndexOf(')');
  const fields = text
    .slice(nameEnd + 2)
    .trimEnd()
    .split(' ');
  const name = text.slice(text.indexOf('(') + 1, nameEnd);
  /** Counted as in proc(5). */
  const field = (position: number): number => Number(fields[position - 3] ?? NaN);
  const [code, stack] = [field(26), field(28)];
  const stat = {
    state: fields[0] ?? '',
    parent: field(4),
    group: field(5),
    cpuTicks: field(14) + field(15),
    startTicks: field(22),
    name,
    image: `${name}/${code}/${stack}`,
  };
  const isWhole = [stat.parent, stat.group, stat.cpuTicks, stat.startTicks, code, stack].every(Number.isFinite);
  return nameEnd < 0 || !isWhole ? null : stat;
}

/** Ended: nothing but its entry is left. */
export function isDead(state: string): boolean {
  return state === 'Z' || state === 'X' || state === 'x';
}
