// A process that looks like one of an inference server: `FakeEngine` starts it, and it starts its own children.
// It writes the command line that it shows into its own memory, as programs do that rename themselves: an interpreter
// would take the real flags for its own.
import { spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync, writeFileSync, writeSync } from 'node:fs';
import { createServer } from 'node:http';

/** Fields of /proc/{pid}/stat, by proc(5): where the arguments begin and end. */
const [ARG_START, ARG_END] = [48, 49];

const { command, children, listens, host, port, responses } = JSON.parse(process.env.FAKE_ENGINE ?? '{}');
const answers = new Map(Object.entries(responses ?? {}));

process.on('disconnect', () => process.exit());
process.on('message', ({ path, response }) => answers.set(path, response));

const listening = listens ? await listen() : null;
show(command.map((word) => word.replaceAll('{port}', String(listening))));
const pids = [];
for (const words of children) pids.push(await startChild(words));
process.send({ port: listening, pids });

async function startChild(words) {
  const settings = { command: words, children: [], listens: false };
  const child = spawn(process.execPath, ['./fake-engine.mjs', words.join('\0').replaceAll('\0', '-')], {
    argv0: 'x',
    env: { ...process.env, FAKE_ENGINE: JSON.stringify(settings) },
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  await new Promise((resolve, reject) => child.once('message', resolve).once('exit', reject));
  return child.pid;
}

async function listen() {
  const server = createServer(answer);
  await new Promise((resolve, reject) => server.once('error', reject).listen(port, host, resolve));
  return server.address().port;
}

function answer({ url }, reply) {
  const path = new URL(url, 'http://localhost').pathname;
  process.send({ asked: url });
  const response = answers.get(path);
  if (response?.hangs) return;
  const { status = 200, type = 'application/json', body = '' } = response ?? { status: 404 };
  reply.writeHead(status, { 'content-type': type });
  reply.end(body.replace(/\{counts:([\d.]+)\}/g, (_, perSecond) => String(Math.floor(perSecond * process.uptime()))));
}

function show(words) {
  const stat = readFileSync('/proc/self/stat', 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [start, end] = [ARG_START, ARG_END].map((position) => Number(fields[position - 3]));
  const area = Buffer.alloc(end - start);
  const text = Buffer.from(`${words.join('\0')}\0`);
  if (text.length > area.length) throw new Error(`${text.length} bytes of arguments have no room in ${area.length}`);
  text.copy(area);
  const memory = openSync('/proc/self/mem', 'r+');
  writeSync(memory, area, 0, area.length, start);
  closeSync(memory);
  writeFileSync('/proc/self/comm', words[0].split('/').at(-1) ?? '');
}
