// The programs that are measured: a hive with one reader, and others of its kind where they are installed.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { get } from 'node:http';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const HIVE = new URL('../../dist/apps/hive/src/main.js', import.meta.url).pathname;
const SCRAPE_MS = 1_000;
const STARTS_WITHIN_MS = 10_000;
/** The system's own folders: daemons are there, and a user's PATH may not have them. */
const FOLDERS = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/sbin'];

/** A hive at 1 Hz whose stream `clients` read. */
export async function startHive(env, clients = 1) {
  const settings = { PATH: process.env.PATH, HOME: process.env.HOME, ...env };
  const child = spawn(process.execPath, [HIVE, '--port', '0'], { env: settings, stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = await once(child.stdout.setEncoding('utf8'), 'data');
  const url = /listening on (\S+)/.exec(line)[1];
  const latest = { sample: undefined };
  const requests = Array.from({ length: clients }, () =>
    get(`${url}/v1/heartbeats/stream`, { agent: false }, (response) => keepLatest(response, latest)).on(
      'error',
      () => {},
    ),
  );
  const end = async () => {
    for (const request of requests) request.destroy();
    await ended(child);
  };
  return { name: `hive, read by ${clients}`, pid: child.pid, latest, end };
}

function keepLatest(response, latest) {
  let text = '';
  response.setEncoding('utf8').on('data', (chunk) => {
    const blocks = (text + chunk).split('\n\n');
    text = blocks.pop();
    for (const block of blocks) latest.sample = JSON.parse(/^data: (.*)$/m.exec(block)?.[1] ?? 'null') ?? latest.sample;
  });
}

/** The others of its kind; one that is not installed has a name only. */
export const startOthers = () => Promise.all([startNodeExporter(), startNetdata()]);

async function startNodeExporter() {
  const program = findProgram('prometheus-node-exporter');
  const name = 'prometheus-node-exporter, scraped at 1 Hz';
  if (program === undefined) return { name };
  const address = `127.0.0.1:${await freePort()}`;
  const child = spawn(program, [`--web.listen-address=${address}`], { stdio: 'ignore' });
  const url = `http://${address}/metrics`;
  await answers(url);
  const timer = setInterval(() => get(url, (response) => response.resume()).on('error', () => {}), SCRAPE_MS);
  const end = async () => {
    clearInterval(timer);
    await ended(child);
  };
  return { name, pid: child.pid, end };
}

/** Its own settings but for where it keeps things and where it listens. */
async function startNetdata() {
  const program = findProgram('netdata');
  if (program === undefined) return { name: 'netdata' };
  const folder = mkdtempSync(join(tmpdir(), 'netdata-'));
  const port = await freePort();
  const folders = ['config', 'cache', 'lib', 'log', 'lock'].map((kind) => [kind, join(folder, kind)]);
  for (const [, path] of folders) mkdirSync(path);
  const lines = ['[directories]', ...folders.map(([kind, path]) => `${kind} = ${path}`)];
  lines.push('[global]', 'run as user = root', '[web]', 'bind to = 127.0.0.1', `default port = ${port}`, '');
  writeFileSync(join(folder, 'netdata.conf'), lines.join('\n'));
  const options = ['-D', '-c', join(folder, 'netdata.conf'), '-P', join(folder, 'pid')];
  const child = spawn(program, options, { stdio: 'ignore', env: { PATH: process.env.PATH, HOME: folder } });
  await answers(`http://127.0.0.1:${port}/api/v1/info`);
  const end = async () => {
    await ended(child);
    rmSync(folder, { recursive: true, force: true });
  };
  return { name: 'netdata', pid: child.pid, end };
}

const findProgram = (name) => FOLDERS.map((folder) => join(folder, name)).find((path) => existsSync(path));

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

async function answers(url) {
  const endMs = performance.now() + STARTS_WITHIN_MS;
  while (performance.now() < endMs) {
    if (await fetch(url).then((response) => response.ok, () => false)) return; // prettier-ignore
    await sleep(100);
  }
  throw new Error(`${url} does not answer`);
}

async function ended(child) {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, 'exit');
  child.kill('SIGTERM');
  await exit;
}
