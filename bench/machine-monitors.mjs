// What one sample of the machine costs in CPU time: the monitors' own way through /proc against `systeminformation`.
// Prints ratios, asserts nothing. Needs a build: `npm run build && node bench/machine-monitors.mjs`.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

import * as systeminformation from 'systeminformation';

import { SystemClock } from '#service-kit';
import { createMonitors } from '#telemetry';

const WARM_UP = 3;
const ROUNDS = Number(process.argv[2] ?? 20);
/** As a hive that sleeps between samples; the library answers from a cache for half a second. */
const PAUSE_MS = 600;
const US_PER_TICK = 10_000;

const clock = new SystemClock();
const config = {
  procRoot: '/proc',
  sysRoot: '/sys',
  cgroupRoot: '/sys/fs/cgroup',
  cgroupSlice: 'rbee.slice',
  gpuBackend: 'auto',
  nvidiaSmi: undefined,
  path: '',
  nvmlLibrary: 'libnvidia-ml.so.1',
  libraryPath: '',
  pcieThroughput: false,
  engineMetrics: true,
  intervalMs: 1000,
};
const monitors = Object.fromEntries(createMonitors(config, clock).map((monitor) => [monitor.name, monitor]));
const readAll = (...names) => Promise.all(names.map((name) => monitors[name].read(new AbortController().signal)));

/** The same knowledge, both ways. */
const PAIRS = [
  ['nothing', () => Promise.resolve(), 'none', () => Promise.resolve()],
  ['CPU', () => readAll('cpu'), 'currentLoad', () => systeminformation.currentLoad()],
  ['memory, swap', () => readAll('memory'), 'mem', () => systeminformation.mem()],
  ['network rates', () => readAll('network'), 'networkStats', () => systeminformation.networkStats('*')],
  ['disk operations', () => readAll('disk'), 'disksIO', () => systeminformation.disksIO()],
  ['disk bytes', () => readAll('disk'), 'fsStats', () => systeminformation.fsStats()],
  ['uptime', () => readAll('uptime'), 'time', () => Promise.resolve(systeminformation.time())],
];
const MACHINE = ['cpu', 'memory', 'load', 'uptime', 'network', 'disk', 'pressure', 'cpu-temperature'];
const TOTAL = [
  'one whole sample',
  () => readAll(...MACHINE),
  'all but disksIO',
  () =>
    Promise.all([
      systeminformation.currentLoad(),
      systeminformation.mem(),
      systeminformation.networkStats('*'),
      systeminformation.fsStats(),
      systeminformation.time(),
    ]),
];

/** CPU time of the children that have ended, in µs: some of what the library does, it does in a shell. */
function childrenUs() {
  const fields = readFileSync('/proc/self/stat', 'utf8').split(') ').at(-1).split(' ');
  return (Number(fields[13]) + Number(fields[14])) * US_PER_TICK;
}

async function measure(sample) {
  let [cpuUs, wallMs, childrenStartUs] = [0, 0, 0];
  for (let round = -WARM_UP; round < ROUNDS; round++) {
    if (round === 0) [cpuUs, wallMs, childrenStartUs] = [0, 0, childrenUs()];
    const startedMs = performance.now();
    const before = process.cpuUsage();
    await sample();
    const used = process.cpuUsage(before);
    cpuUs += used.user + used.system;
    wallMs += performance.now() - startedMs;
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
  return { cpuUs: (cpuUs + childrenUs() - childrenStartUs) / ROUNDS, wallMs: wallMs / ROUNDS };
}

const row = (...cells) => {
  const padded = cells.map((cell, index) => (index % 4 === 0 ? String(cell).padEnd(18) : String(cell).padStart(12)));
  console.log(`| ${padded.join(' | ')} |`);
};

const system = execFileSync('uname', ['-sr'], { encoding: 'utf8' }).trim();
console.log(`${system}, Node ${process.version}, ${ROUNDS} rounds, CPU time per sample\n`);
row('what', '/proc µs', 'library µs', 'ratio', 'library call', '/proc ms', 'library ms');
row('---', '---:', '---:', '---:', '---', '---:', '---:');
for (const [what, own, call, theirs] of [...PAIRS, TOTAL]) {
  const [direct, library] = [await measure(own), await measure(theirs)];
  const wallMs = [direct, library].map((each) => each.wallMs.toFixed(2));
  const ratio = `${(library.cpuUs / direct.cpuUs).toFixed(1)} x`;
  row(what, direct.cpuUs.toFixed(0), library.cpuUs.toFixed(0), ratio, call, ...wallMs);
}
