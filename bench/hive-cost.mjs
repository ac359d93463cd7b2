// What a hive costs: its CPU time and memory over a minute at 1 Hz, with nobody, one and ten clients.
//   npm run build && node bench/hive-cost.mjs [--seconds 60]
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { get } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';

const { values } = parseArgs({ options: { seconds: { type: 'string', default: '60' } } });
const seconds = Number(values.seconds);
const MAIN = new URL('../dist/apps/hive/src/main.js', import.meta.url).pathname;
/** Time for the start's own work to be over. */
const SETTLE_MS = 5_000;
/** Ticks of /proc/pid/stat per second (`getconf CLK_TCK`), the same on every Linux that Node runs on. */
const TICKS_PER_S = 100;

const rows = [];
for (const clients of [0, 1, 10]) rows.push(await measure(clients));
console.log(`Node ${process.version}, ${seconds} s each\n`);
console.log('| clients | CPU, % of one core | RSS, MiB | of it private, MiB |');
console.log('| ---: | ---: | ---: | ---: |');
for (const { clients, cpuPct, rssMb, anonMb } of rows) {
  console.log(`| ${clients} | ${cpuPct.toFixed(2)} | ${rssMb.toFixed(1)} | ${anonMb.toFixed(1)} |`);
}

async function measure(clients) {
  const hive = spawn(process.execPath, [MAIN, '--port', '0'], { stdio: ['ignore', 'pipe', 'ignore'] });
  const exited = once(hive, 'exit');
  const [line] = await once(hive.stdout.setEncoding('utf8'), 'data');
  const url = /listening on (\S+)/.exec(line)[1];
  const requests = Array.from({ length: clients }, () =>
    get(`${url}/v1/heartbeats/stream`, { agent: false }, (response) => response.resume()),
  );
  await sleep(SETTLE_MS);
  const before = cpuTicks(hive.pid);
  await sleep(seconds * 1000);
  const cpuPct = ((cpuTicks(hive.pid) - before) / TICKS_PER_S / seconds) * 100;
  const result = { clients, cpuPct, rssMb: statusMb(hive.pid, 'VmRSS'), anonMb: statusMb(hive.pid, 'RssAnon') };
  for (const request of requests) request.destroy();
  hive.kill('SIGTERM');
  await exited;
  return result;
}

function cpuTicks(pid) {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return Number(fields[11]) + Number(fields[12]);
}

function statusMb(pid, name) {
  return Number(new RegExp(`${name}:\\s+(\\d+) kB`).exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) / 1024;
}
