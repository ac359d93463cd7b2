// What a hive costs at 1 Hz, helper processes included, beside others of its kind in the same seconds.
//   npm run build && node bench/hive-cost.mjs [--seconds 300] [--only nvml]
//   node bench/hive-cost.mjs --minutes 30 --only nvml      a line each minute, and the slope at the end
// CPU time is that of the scheduler (schedstat), memory and descriptors are from /proc, "reads and writes" are the
// system calls that /proc/PID/io counts (syscr + syscw). Workers are real processes, cards are not real.
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';

import { cpuMs, descriptors, memoryMb, readsAndWrites, runMs, treeOf } from './cost/process-tree.mjs';
import { startHive, startOthers } from './cost/programs.mjs';
import { startCards, startWorkers } from './cost/surroundings.mjs';

const SCENARIOS = [
  { key: 'nothing', name: 'no GPU, no workers', cards: 'none', workers: 0, clients: [0, 1, 10] },
  { key: 'workers', name: '32 workers', cards: 'none', workers: 32, clients: [1] },
  { key: 'smi', name: '8 cards by nvidia-smi, 32 workers', cards: 'nvidia-smi', workers: 32, clients: [1] },
  { key: 'nvml', name: '8 cards by NVML, 32 workers', cards: 'nvml', workers: 32, clients: [1] },
  { key: 'demo', name: '8 cards by demo, 32 workers', cards: 'demo', workers: 32, clients: [1] },
];
/** Time for the start's own work to be over. */
const SETTLE_MS = 10_000;
const LOOK_MS = 5_000;
const MS_PER_MINUTE = 60_000;

const { values } = parseArgs({
  options: { seconds: { type: 'string', default: '300' }, minutes: { type: 'string' }, only: { type: 'string' } },
});
const lasts = values.minutes === undefined ? Number(values.seconds) * 1000 : Number(values.minutes) * MS_PER_MINUTE;
const lookMs = values.minutes === undefined ? LOOK_MS : MS_PER_MINUTE;

console.log(`Node ${process.version}, ${Math.round(lasts / 1000)} s each\n`);
for (const scenario of SCENARIOS.filter(({ key }) => (values.only ?? key) === key)) await run(scenario);

async function run({ name, cards: backend, workers: count, clients }) {
  console.log(`### ${name}\n`);
  const workers = await startWorkers(count);
  const cards = startCards(backend, workers);
  if (cards === undefined) return console.log('not measured: no C compiler for the stub of NVML\n');
  const programs = [];
  try {
    for (const readers of clients) programs.push(await startHive(cards.env, readers));
    programs.push(...(await startOthers()));
    await sleep(SETTLE_MS);
    const rows = await Promise.all(programs.map(measure));
    printTable(rows);
    printSample(programs[0].latest.sample ?? programs[1]?.latest?.sample);
  } finally {
    await Promise.all(programs.map((program) => program.end?.()));
    cards.end();
    await Promise.all(workers.map((worker) => worker[Symbol.asyncDispose]()));
  }
}

async function measure({ name, pid }) {
  if (pid === undefined) return { name, cells: ['not installed'] };
  const before = { cpu: cpuMs(pid), own: runMs(pid), calls: readsAndWrites(pid), atMs: performance.now() };
  const looks = [];
  const look = () => {
    const atMs = performance.now() - before.atMs;
    looks.push({ atMs, ...memoryMb(pid) });
    if (values.minutes === undefined) return;
    const { rss, pss } = looks.at(-1);
    const cpuPct = ((cpuMs(pid) - before.cpu) / atMs) * 100;
    console.log(`${(atMs / MS_PER_MINUTE).toFixed(0)} min, ${name}: ${cpuPct.toFixed(2)} %, ${rss.toFixed(1)} MiB, PSS ${pss.toFixed(1)}, ${descriptors(pid)} descriptors`); // prettier-ignore
  };
  looks.push({ atMs: 0, ...memoryMb(pid) });
  while (performance.now() - before.atMs < lasts) {
    await sleep(Math.min(lookMs, Math.max(1, lasts - (performance.now() - before.atMs))));
    look();
  }
  const tookMs = performance.now() - before.atMs;
  const pct = (ms) => ((ms / tookMs) * 100).toFixed(2);
  const calls = ((readsAndWrites(pid) - before.calls) / tookMs) * 1000;
  const [first, last] = [looks[0], looks.at(-1)];
  const most = Math.max(...looks.map(({ rss }) => rss));
  const memory = [first.rss, last.rss, most, last.pss, last.anon].map((mib) => mib.toFixed(1));
  const counts = [treeOf(pid).length, descriptors(pid), Math.round(calls)];
  const cells = [pct(cpuMs(pid) - before.cpu), pct(runMs(pid) - before.own), ...memory, slope(looks), ...counts];
  return { name, cells };
}

/** Of the line through all looks at the RSS, in KiB a minute. */
function slope(looks) {
  const mean = (numbers) => numbers.reduce((total, number) => total + number, 0) / numbers.length;
  const [atMs, rss] = [mean(looks.map((look) => look.atMs)), mean(looks.map((look) => look.rss))];
  const covariance = mean(looks.map((look) => (look.atMs - atMs) * (look.rss - rss)));
  const variance = mean(looks.map((look) => (look.atMs - atMs) ** 2));
  return Math.round((covariance / variance) * MS_PER_MINUTE * 1024);
}

function printTable(rows) {
  const columns = ['CPU, % of a core', 'of it itself', 'RSS at first, MiB', 'at last', 'most', 'PSS', 'private'];
  columns.push('slope, KiB/min', 'processes', 'descriptors', 'reads and writes/s');
  console.log(`\n| program | ${columns.join(' | ')} |\n| --- |${' ---: |'.repeat(columns.length)}`);
  for (const { name, cells } of rows) {
    console.log(`| ${[name, ...cells, ...Array(columns.length - cells.length).fill('')].join(' | ')} |`);
  }
}

/** That it saw what was there, and what each sensor took. */
function printSample(sample) {
  if (sample == null) return;
  const { gpus, workers, collection } = sample;
  const took = collection.monitors.filter(({ status }) => status !== 'absent');
  const shown = took.map(({ name, status, took_ms }) => `${name} ${took_ms}${status === 'ok' ? '' : ` (${status})`}`);
  console.log(`\n${gpus.length} GPUs, ${workers.length} workers; took_ms: ${shown.join(', ')}\n`);
}
