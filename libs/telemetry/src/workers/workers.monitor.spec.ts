import { createServer, type Server } from 'node:net';

import { describe, expect, it } from '@jest/globals';

import { eventually, FakeMachine, ManualClock, TempTree } from '#testing';

import type { WorkerObservation } from '../monitor.js';
import { Sightings } from '../sightings.js';
import { ProcFiles } from './proc-files.js';
import { WorkersMonitor } from './workers.monitor.js';

const CGROUP = 'rbee.slice/vllm/8000';
const MIB = 1024 * 1024;

/** A made machine with a monitor on it. */
class Machine extends FakeMachine {
  readonly clock = new ManualClock();
  readonly monitor = new WorkersMonitor(
    { procRoot: this.procRoot, cgroupRoot: this.cgroupRoot, cgroupSlice: 'rbee.slice' },
    this.clock,
    new Sightings(),
    1000,
    // Here a process that ends does not take what is open of it along.
    new ProcFiles(this.procRoot, 0),
  );

  async workers(afterMs = 0): Promise<readonly WorkerObservation[]> {
    this.clock.advance(afterMs);
    const reading = await this.monitor.read();
    if (reading === 'absent') throw new Error('absent');
    return reading.workers ?? [];
  }

  /** The only one. */
  async worker(afterMs = 0): Promise<WorkerObservation> {
    const workers = await this.workers(afterMs);
    expect(workers).toHaveLength(1);
    return workers[0]!;
  }
}

describe('WorkersMonitor', () => {
  it('sees all processes of a worker, also those in cgroups below, and its main one', async () => {
    using machine = new Machine();
    machine.run(700, { parent: 1, startTicks: 40_000, command: 'vllm serve Qwen/Qwen3-32B --port 8000' });
    machine.run(650, { parent: 700, startTicks: 41_000, name: 'VLLM::Worker (0)', command: 'VLLM::Worker_TP0' });
    machine.procs([700], CGROUP);
    machine.procs([650, 0], `${CGROUP}/tp/0`);
    expect(await machine.worker()).toEqual({
      pid: 700,
      pids: [650, 700],
      found_by: 'slice',
      container: null,
      command: 'vllm serve Qwen/Qwen3-32B --port 8000',
      group: 'vllm',
      instance: '8000',
      cgroup: 'rbee.slice/vllm/8000',
      port: 8000,
      engine: 'vllm',
      model: 'Qwen/Qwen3-32B',
      model_source: 'cmdline',
      cpu_pct: null,
      rss_mb: null,
      io_r_mb_s: null,
      io_w_mb_s: null,
      uptime_s: 600,
      state: 'starting',
    });
  });

  it("uses the cgroup's counters", async () => {
    using machine = new Machine();
    machine.run(7, {});
    machine.procs([7], CGROUP);
    const count = (cpuUs: number, io: number): void =>
      machine.tree.write({
        [`cgroup/${CGROUP}/cpu.stat`]: `usage_usec ${cpuUs}\nuser_usec 0\n`,
        [`cgroup/${CGROUP}/memory.current`]: `${300 * MIB}\n`,
        [`cgroup/${CGROUP}/memory.stat`]: `anon 1\ninactive_file ${100 * MIB}\n`,
        [`cgroup/${CGROUP}/io.stat`]: `8:0 rbytes=${io} wbytes=${io / 2} rios=1\n`,
      });
    count(1_000_000, 0);
    expect(await machine.worker()).toMatchObject({ cpu_pct: null, rss_mb: 200, io_r_mb_s: null });
    count(4_000_000, 8 * MIB);
    expect(await machine.worker(2000)).toMatchObject({ cpu_pct: 150, rss_mb: 200, io_r_mb_s: 4, io_w_mb_s: 2 });
    count(0, 0);
    expect(await machine.worker(1000)).toMatchObject({ cpu_pct: null, rss_mb: 200, io_r_mb_s: null, io_w_mb_s: null });
  });

  it('adds up its processes where the controllers are not enabled; one that appears or ends is no burst', async () => {
    using machine = new Machine();
    const memory = 'RssAnon:\t 1024 kB\nRssShmem:\t 512 kB\n';
    machine.tree.write({ 'proc/7/status': memory, 'proc/8/status': memory });
    machine.run(7, { ticks: 100 });
    machine.run(8, { parent: 7, ticks: 90_000 });
    machine.procs([7, 8], CGROUP);
    expect(await machine.worker()).toMatchObject({ cpu_pct: null, rss_mb: 3 });
    machine.run(7, { ticks: 150 });
    machine.run(9, { parent: 7, ticks: 500_000 });
    machine.tree.remove('proc/8');
    machine.procs([7, 8, 9], CGROUP);
    expect(await machine.worker(1000)).toMatchObject({ pids: [7, 8, 9], cpu_pct: 50, rss_mb: 1.5 });
    machine.run(9, { parent: 7, ticks: 500_025 });
    expect(await machine.worker(1000)).toMatchObject({ cpu_pct: 25 });
  });

  it('knows no rate of the disks where one process may not be looked at', async () => {
    using machine = new Machine();
    const io = (bytes: number): string => `read_bytes: ${bytes}\nwrite_bytes: ${bytes}\n`;
    machine.run(7, {});
    machine.procs([7], CGROUP);
    machine.tree.write({ 'proc/7/io': io(0) });
    await machine.worker();
    machine.tree.write({ 'proc/7/io': io(MIB) });
    expect(await machine.worker(1000)).toMatchObject({ io_r_mb_s: 1, io_w_mb_s: 1 });
    machine.run(8, { parent: 7 });
    machine.procs([7, 8], CGROUP);
    expect(await machine.worker(1000)).toMatchObject({ io_r_mb_s: null, io_w_mb_s: null });
  });

  it('forgets a worker at once that has no process, or no cgroup', async () => {
    using machine = new Machine();
    machine.run(7, {});
    machine.procs([7], CGROUP);
    machine.procs([7], 'rbee.slice/vllm/8001');
    expect(await machine.workers()).toHaveLength(2);
    machine.procs([], CGROUP);
    expect((await machine.workers()).map(({ instance }) => instance)).toEqual(['8001']);
    machine.tree.remove('cgroup/rbee.slice/vllm/8001');
    expect(await machine.workers()).toEqual([]);
    machine.procs([7], CGROUP);
    expect(await machine.worker()).toMatchObject({ cpu_pct: null });
  });

  it('tells no workers from no cgroups', async () => {
    using machine = new Machine();
    expect(await machine.workers()).toEqual([]);
    machine.tree.remove('cgroup');
    expect(await machine.workers()).toEqual([]);
    machine.tree.remove('proc');
    expect(await machine.monitor.read()).toBe('absent');
  });

  it('follows a launcher that becomes the server', async () => {
    using machine = new Machine();
    machine.run(7, { startTicks: 99_000, name: 'bash', command: 'bash /opt/start' });
    machine.procs([7], CGROUP);
    expect(await machine.worker()).toMatchObject({ engine: null, model: null });
    machine.run(7, { startTicks: 99_000, name: 'llama-server', command: 'llama-server -m /models/q4.gguf' });
    expect(await machine.worker(1000)).toMatchObject({ engine: 'llama.cpp', model: 'q4.gguf', uptime_s: 10 });
  });

  it('asks the other processes where the main one names no model, and keeps the port of the instance', async () => {
    using machine = new Machine();
    machine.run(7, { command: 'ollama serve' });
    machine.run(8, { parent: 7, command: 'ollama runner --model qwen3 --port 37771' });
    machine.procs([7, 8], 'rbee.slice/llm/11434');
    expect(await machine.worker()).toMatchObject({ engine: 'ollama', model: 'qwen3', port: 11434 });
  });

  it('clips what a process says of itself, and cuts a command line without end', async () => {
    using machine = new Machine();
    machine.run(7, { command: `vllm serve ${'x'.repeat(500)} ${'y'.repeat(200_000)} --port 9` });
    machine.procs([7], `rbee.slice/${'g'.repeat(200)}/${'i'.repeat(255)}`);
    const worker = await machine.worker();
    expect(worker.model).toHaveLength(256);
    expect(worker).toMatchObject({ port: null, engine: 'vllm' });
  });
});

describe('WorkersMonitor, state of a worker', () => {
  it('is starting until something listens on its port, and ready then', async () => {
    using machine = new Machine();
    machine.run(7, {});
    machine.procs([7], CGROUP);
    expect((await machine.worker()).state).toBe('starting');
    machine.listening(7, [8001]);
    expect((await machine.worker(5000)).state).toBe('starting');
    machine.listening(7, [8000]);
    expect((await machine.worker(5000)).state).toBe('ready');
    machine.tree.remove('proc/7/net');
    expect((await machine.worker(1000)).state).toBe('ready');
  });

  it('is an error while its main process is a zombie', async () => {
    using machine = new Machine();
    machine.run(7, { state: 'Z' });
    machine.run(8, { parent: 7 });
    machine.procs([7, 8], CGROUP);
    expect(await machine.worker()).toMatchObject({ pid: 7, state: 'error' });
  });

  it('is an error where the main process ended and left others behind that do not listen', async () => {
    using machine = new Machine();
    machine.run(7, {});
    machine.run(8, { parent: 7, startTicks: 60_000 });
    machine.procs([7, 8], CGROUP);
    machine.listening(7, [8000]);
    expect((await machine.worker()).state).toBe('ready');
    machine.tree.remove('proc/7');
    machine.run(8, { parent: 1, startTicks: 60_000 });
    machine.procs([8], CGROUP);
    expect(await machine.worker(1000)).toMatchObject({ pid: 8, state: 'error' });
  });

  it('starts over where a new process took the place of the main one', async () => {
    using machine = new Machine();
    machine.run(7, { command: 'vllm serve a' });
    machine.procs([7], CGROUP);
    machine.listening(7, [8000]);
    expect(await machine.worker()).toMatchObject({ state: 'ready', model: 'a' });
    machine.tree.remove('proc/7');
    machine.run(7, { command: 'vllm serve b', startTicks: 99_900 });
    expect(await machine.worker(1000)).toMatchObject({ pid: 7, state: 'starting', model: 'b', uptime_s: 1 });
  });

  it('is an error where the main process ended while it was looked at', async () => {
    using machine = new Machine();
    machine.procs([7, 8], CGROUP);
    expect(await machine.worker()).toMatchObject({ pid: 7, pids: [7, 8], uptime_s: null, state: 'error' });
  });
});

describe('WorkersMonitor on the real /proc', () => {
  it('finds that this very process listens', async () => {
    using tree = new TempTree({ 'cgroup.controllers': '' });
    const server: Server = createServer().listen(0, '127.0.0.1');
    const port = await eventually('it listens', () => {
      const address = server.address();
      return typeof address === 'object' && address !== null ? address.port : undefined;
    });
    try {
      tree.write({ [`rbee.slice/llm/${port}/cgroup.procs`]: `${process.pid}\n` });
      const roots = { procRoot: '/proc', cgroupRoot: tree.root, cgroupSlice: 'rbee.slice' };
      const reading = await new WorkersMonitor(roots, new ManualClock(), new Sightings(), 1000).read();
      expect(reading).toMatchObject({ workers: [{ pid: process.pid, port, state: 'ready' }] });
    } finally {
      server.close();
    }
  });
});
