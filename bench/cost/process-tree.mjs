// What a process and its children use, from /proc alone.
import { readdirSync, readFileSync } from 'node:fs';

/** Ticks of /proc/pid/stat per second (`getconf CLK_TCK`), the same on every Linux that Node runs on. */
const TICKS_PER_S = 100;
const KIB_PER_MIB = 1024;

/** The pids of a process and of all below it, the process itself first. */
export function treeOf(root) {
  const parents = new Map();
  for (const name of readdirSync('/proc').filter((entry) => /^\d+$/.test(entry))) {
    const fields = statOf(name);
    if (fields !== undefined) parents.set(Number(name), Number(fields[1]));
  }
  const tree = [root];
  for (const pid of tree) for (const [child, parent] of parents) if (parent === pid) tree.push(child);
  return tree;
}

/** CPU time so far in ms: to the nanosecond of what runs, to the tick of what has ended. */
export function cpuMs(root) {
  return sum(treeOf(root).map((pid) => runMs(pid) + endedMs(pid)));
}

/** The CPU time of one process without its children, in ms. */
export function runMs(pid) {
  const threads = tryList(`/proc/${pid}/task`);
  return sum(threads.map((thread) => Number(tryRead(`/proc/${pid}/task/${thread}/schedstat`).split(' ')[0]) / 1e6));
}

/** Memory in MiB, summed over the tree; `pss` shares what several processes map, as the binary of Node. */
export function memoryMb(root) {
  const tree = treeOf(root);
  const total = (file, name) => sum(tree.map((pid) => kibOf(tryRead(`/proc/${pid}/${file}`), name))) / KIB_PER_MIB;
  return { rss: total('status', 'VmRSS'), pss: total('smaps_rollup', 'Pss'), anon: total('status', 'RssAnon') };
}

/** Reads and writes so far: syscr and syscw of /proc/pid/io. Other system calls have no counter there. */
export function readsAndWrites(root) {
  const count = (text) => Number(/syscr: (\d+)/.exec(text)?.[1] ?? 0) + Number(/syscw: (\d+)/.exec(text)?.[1] ?? 0);
  return sum(treeOf(root).map((pid) => count(tryRead(`/proc/${pid}/io`))));
}

export const descriptors = (root) => sum(treeOf(root).map((pid) => tryList(`/proc/${pid}/fd`).length));

function endedMs(pid) {
  const fields = statOf(pid);
  return fields === undefined ? 0 : ((Number(fields[13]) + Number(fields[14])) * 1000) / TICKS_PER_S;
}

/** The fields from the third on: state, ppid, … */
function statOf(pid) {
  const stat = tryRead(`/proc/${pid}/stat`);
  return stat === '' ? undefined : stat.slice(stat.lastIndexOf(')') + 2).split(' ');
}

const kibOf = (text, name) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text)?.[1] ?? 0);

const sum = (numbers) => numbers.reduce((total, number) => total + number, 0);

/** A process may end at any moment: what it had is then nothing. */
function tryRead(path) {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

function tryList(path) {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}
