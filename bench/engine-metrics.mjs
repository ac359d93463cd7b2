// What it costs to ask 32 inference servers for their metrics once a second: the CPU time of this process alone, the
// servers are another one. Side by side the whole monitor, and its request against `node:http` and `fetch`.
// Prints, asserts nothing. Needs a build:
// `npm run build && node bench/engine-metrics.mjs [seconds] [kilobytes] [whole]`. With `whole` the servers give
// all of their metrics whatever they are asked for, as one of several processes does.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { Agent, createServer, request } from 'node:http';
import { fileURLToPath } from 'node:url';

import { SystemClock } from '#service-kit';

import { EnginesMonitor } from '../dist/libs/telemetry/src/engines/engines.monitor.js';
import { LoopbackConnection } from '../dist/libs/telemetry/src/engines/loopback-connection.js';
import { parsePrometheusText } from '../dist/libs/telemetry/src/engines/prometheus-text.js';
import { vllm } from '../dist/libs/telemetry/src/engines/vllm.js';

const SERVERS = 32;
const SECONDS = Number(process.argv[2] ?? 30);
const KILOBYTES = Number(process.argv[3] ?? 60);
const GIVES_ALL = process.argv[4] === 'whole';
const WARM_UP_S = 15;
const LABELS = 'engine="0",model_name="meta-llama/Llama-3.1-8B-Instruct"';
const BOUNDS = [
  0.001,
  0.005,
  0.01,
  0.02,
  0.04,
  0.06,
  0.08,
  0.1,
  0.25,
  0.5,
  0.75,
  1,
  2.5,
  5,
  7.5,
  10,
  20,
  40,
  80,
  '+Inf',
];
const MODELS = JSON.stringify({ data: [{ id: 'meta-llama/Llama-3.1-8B-Instruct', max_model_len: 131_072 }] });

/** As vLLM's: a few gauges and counters among histograms that nobody asked for. */
function exposition() {
  const tokens = Math.floor(performance.now());
  const lines = [
    ...['num_requests_running', 'num_requests_waiting', 'kv_cache_usage_perc'].map(
      (name) => `vllm:${name}{${LABELS}} 0.5`,
    ),
    ...['prompt_tokens_total', 'generation_tokens_total'].map((name) => `vllm:${name}{${LABELS}} ${tokens}.0`),
    ...histogram('time_to_first_token_seconds', tokens),
  ];
  let bytes = lines.join('\n').length;
  for (let index = 0; bytes < KILOBYTES * 1024; index++) {
    const more = histogram(`other_${index}_seconds`, tokens);
    lines.push(...more);
    bytes += more.join('\n').length + 1;
  }
  return `${lines.join('\n')}\n`;
}

function histogram(name, count) {
  const buckets = BOUNDS.map((bound) => `vllm:${name}_bucket{engine="0",le="${bound}",model_name="m"} ${count}.0`);
  return [
    `# HELP vllm:${name} A histogram.`,
    `# TYPE vllm:${name} histogram`,
    ...buckets,
    `vllm:${name}_sum{${LABELS}} 1.5`,
  ];
}

async function serve() {
  const text = exposition();
  const [{ metrics }] = vllm.questions;
  const wanted = text
    .split('\n')
    .filter((line) => line.search(metrics) === 0)
    .join('\n');
  const ports = [];
  for (let index = 0; index < SERVERS; index++) {
    const server = createServer((request, response) => {
      const [path, names] = request.url.split('?');
      response.end(path !== '/metrics' ? MODELS : names === undefined || GIVES_ALL ? text : `${wanted}\n`);
    });
    server.keepAliveTimeout = 60_000;
    await once(server.listen(0, '127.0.0.1'), 'listening');
    ports.push(server.address().port);
  }
  process.on('disconnect', () => process.exit());
  process.send({ ports, bytes: text.length });
}

async function main() {
  const child = fork(fileURLToPath(import.meta.url), process.argv.slice(2));
  const [{ ports, bytes }] = await once(child, 'message');
  console.log(
    `${SERVERS} servers, ${bytes} bytes of metrics each, once a second for ${SECONDS} s, node ${process.version}`,
  );
  const monitor = new EnginesMonitor(sightings(ports), new SystemClock(), 1000);
  print('the monitor', await measure(() => monitor.read()));
  monitor[Symbol.dispose]();
  const text = exposition();
  const [{ metrics }] = vllm.questions;
  print('of that, parsing', await measure(() => ports.forEach(() => parsePrometheusText(text, metrics))));
  const connections = ports.map((port) => new LoopbackConnection(`http://127.0.0.1:${port}`, true));
  print('requests alone', await measure(() => Promise.all(connections.map((each) => each.get('/metrics')))));
  for (const connection of connections) connection[Symbol.dispose]();
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  print('by node:http', await measure(() => Promise.all(ports.map((port) => byHttp(agent, port)))));
  agent.destroy();
  print('by fetch', await measure(() => Promise.all(ports.map(byFetch))));
  print('nothing', await measure(() => Promise.resolve()));
  child.kill();
  process.exit();
}

function sightings(ports) {
  const servers = ports.map((port, index) => ({
    worker: `vllm/${port}`,
    engine: 'vllm',
    origin: `http://127.0.0.1:${port}`,
    pid: index + 1,
    startTicks: 1,
  }));
  return { servers };
}

async function byFetch(port) {
  return (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
}

function byHttp(agent, port) {
  return new Promise((resolve, reject) => {
    const asked = request({ agent, host: '127.0.0.1', port, path: '/metrics' }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (part) => (text += part));
      response.on('end', () => resolve(text));
    });
    asked.on('error', reject).end();
  });
}

/** CPU time in ms per second. */
async function measure(round) {
  let before = process.cpuUsage();
  for (let second = -WARM_UP_S; second < SECONDS; second++) {
    if (second === 0) before = process.cpuUsage();
    const next = new Promise((resolve) => setTimeout(resolve, 1000));
    await round();
    await next;
  }
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000 / SECONDS;
}

function print(name, msPerS) {
  console.log(
    `${name.padEnd(18)} ${msPerS.toFixed(1).padStart(6)} ms/s ${(msPerS / 10).toFixed(2).padStart(6)} % of a core`,
  );
}

if (process.send === undefined) await main();
else await serve();
