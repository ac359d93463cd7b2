import type { TrackedProcess } from './tracked-process.js';

/** The processes of one worker that no slice names. */
export interface WorkerTree {
  /** Names it for as long as it lives: the pid and the start of its first main process. */
  readonly key: string;
  readonly root: TrackedProcess;
  /** `null` where it is only known that it holds GPU memory. */
  readonly engine: string | null;
  /** By pid, with what tells a process from a later one of that number. */
  readonly members: ReadonlyMap<number, number>;
}

/** The processes of this machine as the trees are grown from them. */
export interface Processes {
  get(pid: number): TrackedProcess | undefined;
  all(): Iterable<TrackedProcess>;
}

/** How far up or down a family is followed. */
const GENERATIONS_MAX = 64;
/** Most processes of one worker. */
const MEMBERS_MAX = 4096;
const INTERPRETER = 'python';
/** Programs that run many things which have nothing to do with one another. */
const HOST = /^(jupyter|ipython|ray|supervisord|circusd|honcho|gpustack|slurm|systemd|init|tmux|screen)/;

/**
 * Finds the workers outside of slices: first each server with all its descendants, then processes that a server
 * renames and that no server claims, then whatever else holds GPU memory. `claimed` are those of the slices.
 */
export class WorkerForest {
  private trees: readonly WorkerTree[] = [];

  /** Takes the trees of the time before along: a process stays in its worker when its parent ends. */
  grow(processes: Processes, claimed: ReadonlySet<number>, holders: ReadonlySet<number>): readonly WorkerTree[] {
    const growth = new Growth(processes, claimed, holders);
    const all = [...processes.all()];
    const servers = all.filter(({ recognized }) => recognized?.serves === true);
    for (const server of servers) growth.plant(growth.outermostServer(server), server.recognized?.engine ?? null);
    growth.keepOrphans(this.trees);
    const parts = all.filter(({ recognized }) => recognized?.serves === false);
    for (const part of parts) growth.plant(growth.parentProgram(part), part.recognized?.engine ?? null);
    for (const pid of holders) growth.plantHolder(pid);
    this.trees = growth.trees();
    return this.trees;
  }
}

interface Growing {
  readonly root: TrackedProcess;
  readonly engine: string | null;
  readonly key: string;
  readonly members: Map<number, number>;
}

class Growth {
  private readonly growing = new Map<string, Growing>();
  private readonly taken: Set<number>;
  private readonly children = new Map<number, TrackedProcess[]>();

  constructor(
    private readonly processes: Processes,
    claimed: ReadonlySet<number>,
    private readonly holders: ReadonlySet<number>,
  ) {
    this.taken = new Set(claimed);
    for (const process of processes.all()) {
      const siblings = this.children.get(process.parent);
      if (siblings === undefined) this.children.set(process.parent, [process]);
      else siblings.push(process);
    }
  }

  trees(): WorkerTree[] {
    return [...this.growing.values()].sort((a, b) => a.root.startTicks - b.root.startTicks || a.root.pid - b.root.pid);
  }

  /** A worker of this process and all below it that nothing else has taken. */
  plant(root: TrackedProcess, engine: string | null): void {
    if (this.taken.has(root.pid)) return;
    const members = new Map<number, number>();
    this.gather(root, members, GENERATIONS_MAX);
    this.growing.set(keyOf(root), { root, engine, key: keyOf(root), members });
  }

  plantHolder(pid: number): void {
    const holder = this.processes.get(pid);
    if (holder !== undefined && !this.taken.has(pid)) this.plant(this.topOfProgram(holder), null);
  }

  /**
   * What was in a worker and lost its parent stays in it. A worker whose main process ended stays while one of the
   * others holds GPU memory or is a part of the engine: that is what people have to look for then.
   */
  keepOrphans(before: readonly WorkerTree[]): void {
    for (const tree of before) {
      const left = [...tree.members].filter(([pid, startTicks]) => this.isFree(pid, startTicks));
      const root = this.processes.get(tree.root.pid);
      const mainLives = root?.startTicks === tree.root.startTicks;
      if (!mainLives && !left.some(([pid]) => this.matters(pid))) continue;
      // A tree of holders is grown anew from what holds memory now.
      if (mainLives && !this.growing.has(tree.key)) continue;
      const tended = this.growing.get(tree.key) ?? { ...tree, members: new Map() };
      this.growing.set(tree.key, tended);
      for (const [pid] of left) this.gather(this.processes.get(pid), tended.members, GENERATIONS_MAX);
    }
  }

  /** The farthest ancestor that is a server, too: one server starts others for its own use. */
  outermostServer(process: TrackedProcess): TrackedProcess {
    let outermost = process;
    for (const ancestor of this.ancestors(process)) if (ancestor.recognized?.serves === true) outermost = ancestor;
    return outermost;
  }

  /** A program that uses an engine as its library: what started the engine's process, if that is a script itself. */
  parentProgram(part: TrackedProcess): TrackedProcess {
    let top = part;
    for (const ancestor of this.ancestors(part)) {
      const isPart = ancestor.recognized?.engine === part.recognized?.engine;
      if (!isPart && (ancestor.program?.executable !== INTERPRETER || isHost(ancestor))) break;
      top = ancestor;
    }
    return top;
  }

  /** As far up as the parents run the same program: the ranks of one training are one worker. */
  private topOfProgram(holder: TrackedProcess): TrackedProcess {
    let top = holder;
    for (const ancestor of this.ancestors(holder)) {
      const isSame = holder.program !== null && ancestor.program?.executable === holder.program.executable;
      if (!isSame || isHost(ancestor) || this.taken.has(ancestor.pid)) break;
      top = ancestor;
    }
    return top;
  }

  private *ancestors(process: TrackedProcess): Generator<TrackedProcess> {
    let parent = this.processes.get(process.parent);
    for (let left = GENERATIONS_MAX; left > 0 && parent !== undefined && parent.pid > 1; left--) {
      if (this.taken.has(parent.pid)) return;
      yield parent;
      parent = this.processes.get(parent.parent);
    }
  }

  private gather(process: TrackedProcess | undefined, members: Map<number, number>, left: number): void {
    if (process === undefined || left === 0 || members.size >= MEMBERS_MAX || this.taken.has(process.pid)) return;
    this.taken.add(process.pid);
    members.set(process.pid, process.startTicks);
    for (const child of this.children.get(process.pid) ?? []) this.gather(child, members, left - 1);
  }

  private isFree(pid: number, startTicks: number): boolean {
    return !this.taken.has(pid) && this.processes.get(pid)?.startTicks === startTicks;
  }

  private matters(pid: number): boolean {
    return this.holders.has(pid) || this.processes.get(pid)?.recognized !== null;
  }
}

function keyOf({ pid, startTicks }: TrackedProcess): string {
  return `${pid}/${startTicks}`;
}

function isHost({ program }: TrackedProcess): boolean {
  return HOST.test(program?.name ?? '');
}
