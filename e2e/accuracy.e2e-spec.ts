import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

import type { TelemetryEvent, WorkerReading } from '#contracts';
import { eventually, type ProbedEvent, ServiceProcess, SseProbe, TempTree } from '#testing';

const MIB = 1024 * 1024;
const TICKS_PER_S = 100;
const SECTOR_BYTES = 512;
/** What two readings of the same thing may differ by. */
const SHARE = 0.05;
/** Intervals over which rates are compared: a process that is scheduled late then moves the ends, not the rate. */
const INTERVALS = 8;
const HELD_MIB = 256;
const WRITTEN_MIB = 4;
const GROUP = 'known';
const TMPFS = 0x01021994;

/** Each says on stdout that it is ready; the writer after every write that reached the disk. */
const BURN = `console.log('ready'); for (;;);`;
const HOLD = `const held = Buffer.alloc(${HELD_MIB * MIB}, 1); console.log('ready'); setInterval(() => held, 1e6);`;
const WRITE = `const { openSync, writeSync, fsyncSync } = require('node:fs');
const file = openSync(process.argv[1], 'w');
const block = Buffer.alloc(${WRITTEN_MIB * MIB}, 1);
const write = () => { writeSync(file, block, 0, block.length, 0); fsyncSync(file); console.log('ready'); };
write(); setInterval(write, 200);`;

const diskFolder = [tmpdir(), process.cwd()].find((folder) => statfsSync(folder).type !== TMPFS);
const canRead = existsSync('/proc/self/io') ? '' : ' (SKIPPED: there is no /proc)';

/** Sees known processes through the worker tree of a made slice, whose files lack all of the kernel's counters. */
describe(`what a hive says, against the kernel, ps and free${canRead}`, () => {
  const children: ChildProcess[] = [];
  let [tree, hive, probe]: [TempTree?, ServiceProcess?, SseProbe?] = [];
  let folder: string | undefined;
  let pids: Record<'burner' | 'holder' | 'writer', number>;
  let writes = 0;
  let window: Window;

  beforeAll(async () => {
    if (canRead !== '') return;
    folder = mkdtempSync(join(diskFolder ?? tmpdir(), 'apiary-accuracy-'));
    const start = async (...args: readonly string[]): Promise<ChildProcess & { readonly pid: number }> => {
      const child = spawn(process.execPath, ['-e', ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
      children.push(child);
      await once(child.stdout, 'data');
      return child as ChildProcess & { readonly pid: number };
    };
    const writer = await start(WRITE, join(folder, 'written'));
    writer.stdout?.on('data', (lines: Buffer) => (writes += lines.toString().split('\n').length - 1));
    pids = { burner: (await start(BURN)).pid, holder: (await start(HOLD)).pid, writer: writer.pid };
    const files = Object.entries(pids).map(([name, pid]) => [`known.slice/${GROUP}/${name}/cgroup.procs`, `${pid}\n`]);
    tree = new TempTree(Object.fromEntries(files) as Record<string, string>);
    const slice = ['--cgroup-root', tree.root, '--cgroup-slice', 'known.slice'];
    hive = new ServiceProcess('hive', ['--port', '0', '--id', 'known', ...slice]);
    probe = new SseProbe(`${await hive.url()}/v1/heartbeats/stream`);
    window = await watch(probe, () => countersOf(pids, writes));
  }, 60_000);

  afterAll(async () => {
    probe?.[Symbol.dispose]();
    await hive?.[Symbol.asyncDispose]();
    for (const child of children) child.kill('SIGKILL');
    tree?.[Symbol.dispose]();
    if (folder !== undefined) rmSync(folder, { recursive: true });
  });

  const check = canRead === '' ? it : it.skip;

  check('the CPU of a process that takes all it gets', () => {
    const used = (window.after.burnerTicks - window.before.burnerTicks) / TICKS_PER_S;
    agree(
      window.mean((event) => workerOf(event, 'burner').cpu_pct),
      (100 * used) / window.seconds,
    );
    // What it got depends on who else runs here; that it got much shows that the comparison is one.
    expect(used / window.seconds).toBeGreaterThan(0.1);
  });

  check('the CPU of the whole machine', () => {
    const [busy, all] = (['busyTicks', 'allTicks'] as const).map((key) => window.after[key] - window.before[key]);
    agree(
      window.mean(({ node }) => node.cpu_pct),
      (100 * (busy ?? NaN)) / (all ?? NaN),
    );
  });

  check('the memory of a process that holds a known amount', () => {
    const { holder } = pids;
    const held = workerOf(window.last, 'holder').rss_mb;
    agree(held, HELD_MIB);
    agree(held, kibOf(`/proc/${holder}/smaps_rollup`, 'Anonymous') / 1024);
    // ps counts the files that it maps, too, which is the binary of Node here.
    const mappedMib = kibOf(`/proc/${holder}/status`, 'RssFile') / 1024;
    agree(held, Number(run('ps', '-o', 'rss=', '-p', String(holder))) / 1024 - mappedMib);
  });

  check('how long a process has run', () => {
    const elapsedS = Number(run('ps', '-o', 'etimes=', '-p', String(pids.burner)));
    const sinceS = (Date.now() - Date.parse(window.last.timestamp)) / 1000;
    expect(Math.abs((workerOf(window.last, 'burner').uptime_s ?? NaN) + sinceS - elapsedS)).toBeLessThan(1.5);
  });

  const onDisk = diskFolder === undefined ? it.skip : check;
  const where = diskFolder === undefined ? ' (SKIPPED: there is no folder on a disk)' : '';

  onDisk(`what a process writes to disk${where}`, () => {
    const written = window.mean((event) => workerOf(event, 'writer').io_w_mb_s);
    agree(written, (window.after.writerBytes - window.before.writerBytes) / MIB / window.seconds);
    // One write may be under way at either end.
    const known = ((window.after.writes - window.before.writes) * WRITTEN_MIB) / window.seconds;
    expect(Math.abs(written - known)).toBeLessThan(SHARE * known + (2 * WRITTEN_MIB) / window.seconds);
  });

  const hasDisk = ['vda', 'sda', 'nvme0n1'].some((name) => existsSync(`/sys/class/block/${name}/device`));
  const disk = hasDisk ? onDisk : it.skip;

  disk(`what the disks write${hasDisk ? where : ' (SKIPPED: no disk is seen here)'}`, () => {
    const written = window.mean(({ node }) => node.disk_w_mb_s);
    agree(written, (window.after.diskBytes - window.before.diskBytes) / MIB / window.seconds);
  });

  check('RAM and swap, by free and by /proc/meminfo, at the same moment', async () => {
    const agrees = ({ node }: TelemetryEvent): boolean => {
      const [, ram = [], swap = []] = run('free', '-b').split('\n').map((line) => line.trim().split(/\s+/).map(Number)); // prettier-ignore
      const [total = NaN, available = NaN] = [ram[1], ram.at(-1)];
      const usedKib = kibOf('/proc/meminfo', 'MemTotal') - kibOf('/proc/meminfo', 'MemAvailable');
      agree(node.ram_total_mb, total / MIB);
      agree(node.ram_used_mb, (total - available) / MIB);
      agree(node.ram_used_mb, usedKib / 1024);
      agree(node.swap_total_mb, (swap[1] ?? NaN) / MIB);
      agree(node.swap_used_mb, (swap[2] ?? NaN) / MIB);
      return true;
    };
    await onNext(probe, agrees);
  });

  check('load and uptime, at the same moment', async () => {
    const agrees = ({ node }: TelemetryEvent): boolean => {
      const [uptimeS, load] = [readFileSync('/proc/uptime', 'utf8'), readFileSync('/proc/loadavg', 'utf8')].map(
        parseFloat,
      );
      expect(Math.abs((node.uptime_s ?? NaN) - (uptimeS ?? NaN))).toBeLessThan(1);
      agree(node.load_1m, load ?? NaN);
      return true;
    };
    await onNext(probe, agrees);
  });
});

type Counters = ReturnType<typeof countersOf>;

/** Some intervals of a hive, with the kernel's counters at their ends. */
interface Window {
  readonly before: Counters;
  readonly after: Counters;
  readonly seconds: number;
  readonly last: TelemetryEvent;
  /** Over the time, of a rate since the event before. */
  readonly mean: (rate: (event: TelemetryEvent) => number | null) => number;
}

/** Reads the counters whenever an event has come, and takes those of the first and the last. */
async function watch(probe: SseProbe, counters: () => Counters): Promise<Window> {
  const isRated = ({ json }: ProbedEvent): boolean =>
    telemetryOf(json).workers.filter(({ group, io_w_mb_s }) => group === GROUP && io_w_mb_s !== null).length === 3;
  await probe.waitFor('rates of all three', isRated);
  const first = probe.events.length - 1;
  const [before, beforeMs] = [counters(), performance.now()];
  await eventually('the intervals', () => probe.events.length > first + INTERVALS, 30_000);
  const [after, afterMs] = [counters(), performance.now()];
  const events = probe.events.slice(first).map(({ json }) => telemetryOf(json));
  const atMs = events.map(({ timestamp }) => Date.parse(timestamp));
  const mean: Window['mean'] = (rate) => {
    const moved = events.slice(1).map((event, index) => (rate(event) ?? NaN) * (atMs[index + 1]! - atMs[index]!));
    return moved.reduce((sum, part) => sum + part, 0) / (atMs.at(-1)! - atMs[0]!);
  };
  return { before, after, seconds: (afterMs - beforeMs) / 1000, last: events.at(-1)!, mean };
}

function countersOf(pids: Record<'burner' | 'writer', number>, writes: number) {
  const stat = (pid: number): string[] =>
    readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /, '')
      .split(' ');
  const [user = NaN, system = NaN] = stat(pids.burner).slice(11, 13).map(Number);
  const cpu = /^cpu +(.*)$/m.exec(readFileSync('/proc/stat', 'utf8'))?.[1]?.split(' ').slice(0, 8).map(Number) ?? [];
  const allTicks = cpu.reduce((sum, ticks) => sum + ticks, 0);
  return {
    burnerTicks: user + system,
    allTicks,
    busyTicks: allTicks - (cpu[3] ?? NaN) - (cpu[4] ?? NaN),
    writerBytes: Number(/^write_bytes: (\d+)$/m.exec(readFileSync(`/proc/${pids.writer}/io`, 'utf8'))?.[1]),
    diskBytes: diskBytes(),
    writes,
  };
}

/** What all disks that are hardware have written. */
function diskBytes(): number {
  const lines = readFileSync('/proc/diskstats', 'utf8').trim().split('\n').map((line) => line.trim().split(/\s+/)); // prettier-ignore
  const disks = lines.filter(([, , name = '']) => existsSync(`/sys/class/block/${name}/device`));
  return disks.reduce((sum, fields) => sum + Number(fields[9]) * SECTOR_BYTES, 0);
}

/** One of the next events must agree with what is read when it comes: what moves between the two is tried again. */
async function onNext(probe: SseProbe | undefined, agrees: (event: TelemetryEvent) => boolean): Promise<void> {
  let seen = probe?.events.length ?? 0;
  await eventually('an event that agrees', () => {
    const event = probe?.events[seen];
    if (event === undefined) return false;
    seen = probe?.events.length ?? 0;
    return agrees(telemetryOf(event.json));
  });
}

/** Five percent, and what rounding to one decimal takes. */
function agree(told: number | null, known: number): void {
  expect(Math.abs((told ?? NaN) - known)).toBeLessThanOrEqual(SHARE * Math.abs(known) + 0.1);
}

const telemetryOf = (json: object): TelemetryEvent => json as TelemetryEvent;

const workerOf = ({ workers }: { readonly workers: readonly WorkerReading[] }, instance: string): WorkerReading => {
  const worker = workers.find((one) => one.group === GROUP && one.instance === instance);
  if (worker === undefined) throw new Error(`the hive does not see ${instance}`);
  return worker;
};

const kibOf = (path: string, name: string): number =>
  Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(readFileSync(path, 'utf8'))?.[1]);

const run = (program: string, ...args: readonly string[]): string => execFileSync(program, args, { encoding: 'utf8' });
