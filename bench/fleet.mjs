// What a queen costs: CPU for each event that it takes in and each that it delivers, delay, memory.
//   npm run bench -- [--seconds 30] [--repeats 3]
// The hives and the viewers are processes of their own; each says what share of a core it needed itself.
import { fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';

const { values } = parseArgs({ options: { seconds: { type: 'string' }, repeats: { type: 'string' } } });
const SECONDS = Number(values.seconds ?? 30);
const REPEATS = Number(values.repeats ?? 3);
/** Time for the just-in-time compiler and the heap to come to rest. */
const SETTLE_MS = 10_000;
/** Ticks of /proc/pid/stat per second (`getconf CLK_TCK`), the same on every Linux that Node runs on. */
const TICKS_PER_S = 100;
const QUEEN = new URL('../dist/apps/queen/src/main.js', import.meta.url).pathname;

/** A process of the load; it answers each message with its latest report. */
class Peer {
  constructor(role, ...args) {
    this.child = fork(new URL(`./fleet-${role}.mjs`, import.meta.url), args.map(String));
  }

  get pid() {
    return this.child.pid;
  }

  async report(word = 'report') {
    const answer = once(this.child, 'message');
    this.child.send(word);
    return (await answer)[0];
  }

  async until(isEnough) {
    while (!isEnough(await this.report())) await sleep(100);
  }

  async end() {
    const exited = once(this.child, 'exit');
    this.child.disconnect();
    await exited;
  }
}

const CASES = [
  ['3 hives × 20 Hz, 1,000 viewers', { hives: 3, intervalMs: 50, viewers: 1000 }],
  ['1,000 hives × 1 Hz, 100 viewers', { hives: 1000, intervalMs: 1000, viewers: 100 }],
  ['100 hives × 1 Hz, 10 viewers', { hives: 100, intervalMs: 1000, viewers: 10 }],
  ['2,000 hives × 1 Hz, no viewer', { hives: 2000, intervalMs: 1000, viewers: 0 }],
];

console.log(`Node ${process.version}, medians of ${REPEATS} × ${SECONDS} s, events of about 4 KB\n`);
row('case', 'events/s', 'deliveries/s', 'lost', 'queen, % of a core', 'µs/event', 'µs/delivery', 'p50 ms', 'p99 ms', 'p99.9 ms', 'RSS MiB', 'hives %', 'viewers %'); // prettier-ignore
row('---', ...new Array(12).fill('---:'));
for (const [name, load] of CASES) {
  const runs = [];
  for (let repeat = 0; repeat < REPEATS; repeat++) runs.push(await measure(load));
  const median = (pick) => runs.map(pick).sort((a, b) => a - b)[Math.floor(runs.length / 2)];
  const delay = (share) => (load.viewers === 0 ? '–' : median(({ delaysMs }) => quantile(delaysMs, share)).toFixed(0));
  row(
    name,
    median(({ events }) => events / SECONDS).toFixed(0),
    median(({ delivered }) => delivered / SECONDS).toFixed(0),
    median(({ lost }) => lost),
    median(({ queenPct }) => queenPct).toFixed(1),
    median(({ queenPct, events }) => (queenPct * 1e4 * SECONDS) / events).toFixed(1),
    load.viewers === 0 ? '–' : median(({ queenPct, delivered }) => (queenPct * 1e4 * SECONDS) / delivered).toFixed(2),
    delay(0.5),
    delay(0.99),
    delay(0.999),
    median(({ rssMb }) => rssMb).toFixed(0),
    median(({ hivesPct }) => hivesPct).toFixed(0),
    median(({ viewersPct }) => viewersPct).toFixed(0),
  );
}

async function measure({ hives, intervalMs, viewers }) {
  const state = mkdtempSync(join(tmpdir(), 'apiary-bench-'));
  const queen = spawn(
    process.execPath,
    [QUEEN, '--port', '0', '--state-dir', state, '--ssh-config', '/nonexistent', '--dials-per-s', '1000'],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const queenEnded = once(queen, 'exit');
  const [line] = await once(queen.stdout.setEncoding('utf8'), 'data');
  const url = /listening on (\S+)/.exec(line)[1];
  const swarm = new Peer('swarm', url, hives, intervalMs);
  await swarm.until(({ read }) => read === hives);
  const crowd = new Peer('viewers', url, viewers);
  await crowd.until(({ open }) => open === viewers);
  await sleep(SETTLE_MS);
  const [queenBefore, swarmBefore, crowdBefore] = [queen, swarm, crowd].map(({ pid }) => cpuTicks(pid));
  const [sentBefore, gotBefore] = [await swarm.report(), await crowd.report('start')];
  await sleep(SECONDS * 1000);
  const [sent, got] = [await swarm.report(), await crowd.report('stop')];
  const pct = (pid, before) => ((cpuTicks(pid) - before) / TICKS_PER_S / SECONDS) * 100;
  const result = {
    events: sent.sent - sentBefore.sent,
    delivered: got.delivered - gotBefore.delivered,
    lost: got.lost,
    delaysMs: got.delaysMs,
    queenPct: pct(queen.pid, queenBefore),
    hivesPct: pct(swarm.pid, swarmBefore),
    viewersPct: pct(crowd.pid, crowdBefore),
    rssMb: Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${queen.pid}/status`, 'utf8'))[1]) / 1024,
  };
  await Promise.all([crowd.end(), swarm.end()]);
  queen.kill('SIGTERM');
  await queenEnded;
  rmSync(state, { recursive: true });
  return result;
}

function cpuTicks(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1).split(' ');
  return Number(fields[11]) + Number(fields[12]);
}

function quantile(values, share) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

function row(...cells) {
  console.log(`| ${cells.join(' | ')} |`);
}
