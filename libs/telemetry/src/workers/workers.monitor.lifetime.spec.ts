import { describe, expect, it } from '@jest/globals';

import { FakeMachine, ManualClock } from '#testing';

import type { Contribution, WorkerObservation } from '../monitor.js';
import { Sightings } from '../sightings.js';
import { ProcFiles } from './proc-files.js';
import { WorkersMonitor } from './workers.monitor.js';

/** A made machine with a monitor on it. */
class Machine extends FakeMachine {
  readonly clock = new ManualClock();
  readonly sightings = new Sightings();
  readonly monitor = new WorkersMonitor(
    { procRoot: this.procRoot, cgroupRoot: this.cgroupRoot, cgroupSlice: 'rbee.slice' },
    this.clock,
    this.sightings,
    1000,
    // Here a process that ends does not take what is open of it along.
    new ProcFiles(this.procRoot, 0),
  );

  constructor() {
    super();
    this.run(1, { parent: 0, name: 'systemd', startTicks: 1, command: '/sbin/init' });
    this.run(2, { parent: 0, name: 'kthreadd', isKernelThread: true, startTicks: 1 });
  }

  async read(afterMs = 0): Promise<Contribution> {
    this.clock.advance(afterMs);
    const reading = await this.monitor.read();
    if (reading === 'absent') throw new Error('absent');
    return reading;
  }

  async workers(afterMs = 0): Promise<readonly WorkerObservation[]> {
    return (await this.read(afterMs)).workers ?? [];
  }

  /** By `group/instance`. */
  async names(afterMs = 0): Promise<readonly string[]> {
    return (await this.workers(afterMs)).map(({ group, instance }) => `${group}/${instance}`);
  }

  /** The only one. */
  async worker(afterMs = 0): Promise<WorkerObservation> {
    const workers = await this.workers(afterMs);
    expect(workers).toHaveLength(1);
    return workers[0]!;
  }

  /** A vLLM server of two GPUs, behind a shell and sudo. */
  runVllm(flags = ''): void {
    this.run(100, { name: 'bash', command: '-bash', startTicks: 30_000 });
    this.run(101, { parent: 100, name: 'sudo', command: `sudo vllm serve a/b${flags}`, startTicks: 40_000 });
    const command = `/venv/bin/python3 /venv/bin/vllm serve a/b --api-key geheim${flags}`;
    this.run(102, { parent: 101, name: 'vllm', command, startTicks: 40_000 });
    this.run(103, { parent: 102, name: 'VLLM::EngineCor', command: 'VLLM::EngineCore', startTicks: 41_000 });
    this.run(104, { parent: 103, name: 'VLLM::Worker_TP', command: 'VLLM::Worker_TP0', startTicks: 42_000 });
    this.run(105, { parent: 103, name: 'VLLM::Worker_TP', command: 'VLLM::Worker_TP1', startTicks: 42_000 });
  }
}

describe('WorkersMonitor, names outside of a slice', () => {
  it('tells apart what would have one name, and does not rename who had it first', async () => {
    using machine = new Machine();
    for (const pid of [71, 72]) {
      machine.run(pid, { command: 'vllm serve a --port 8000', startTicks: 50_000 + pid });
      machine.listening(pid, [8000]);
    }
    expect(await machine.names()).toEqual(['vllm/8000', 'vllm/8000-2']);
    machine.procs([7], 'rbee.slice/vllm/8001');
    machine.end(71);
    expect(await machine.names(1000)).toEqual(['vllm/8001', 'vllm/8000-2']);
    machine.procs([7], 'rbee.slice/vllm/8000-2');
    expect(await machine.names(1000)).toEqual(['vllm/8000-2', 'vllm/8001', 'vllm/8000']);
  });

  it('gives a server that replaces another the same name once that is gone', async () => {
    using machine = new Machine();
    machine.run(71, { command: 'vllm serve a --port 8000', startTicks: 50_000 });
    machine.listening(71, [8000]);
    machine.holds(71, [8000]);
    expect(await machine.names()).toEqual(['vllm/8000']);
    machine.run(72, { command: 'vllm serve a --port 8000', startTicks: 60_000 });
    machine.holds(72, []);
    await machine.names(1000);
    expect(await machine.names(1000)).toEqual(['vllm/8000', 'vllm/8000-2']);
    machine.end(71);
    expect(await machine.names(1000)).toEqual(['vllm/8000']);
  });
});

describe('WorkersMonitor, processes that come and go', () => {
  it('keeps a child that lost its parent', async () => {
    using machine = new Machine();
    machine.runVllm();
    expect((await machine.worker()).pids).toEqual([102, 103, 104, 105]);
    machine.end(103);
    machine.run(104, { parent: 1, name: 'VLLM::Worker_TP', command: 'VLLM::Worker_TP0', startTicks: 42_000 });
    expect((await machine.worker(1000)).pids).toEqual([102, 104, 105]);
    expect((await machine.worker(60_000)).pids).toEqual([102, 104, 105]);
  });

  it('keeps what is left of a server as an error under its name, but not helpers that matter to nobody', async () => {
    using machine = new Machine();
    machine.runVllm(' --port 9001');
    machine.run(106, { parent: 102, command: 'python -c tracker' });
    machine.listening(102, [9001]);
    expect(await machine.worker()).toMatchObject({ state: 'ready', pids: [102, 103, 104, 105, 106] });
    machine.end(102);
    expect(await machine.worker(1000)).toMatchObject({ pid: 103, instance: '9001', state: 'error', model: 'a/b' });
    for (const pid of [103, 104, 105]) machine.end(pid);
    expect(await machine.workers(1000)).toEqual([]);
  });

  it('measures by its own processes what runs in a cgroup with others', async () => {
    using machine = new Machine();
    const cgroup = '/user.slice/user-1000.slice/session-3.scope';
    const use = (ticks: number, bytes: number): void => {
      machine.run(80, { command: 'llama-server', cgroup, ticks });
      machine.tree.write({
        'proc/80/io': `read_bytes: ${bytes}\nwrite_bytes: 0\n`,
        'proc/80/status': 'RssAnon:\t 1024 kB\nRssShmem:\t 1024 kB\n',
        [`cgroup${cgroup}/cpu.stat`]: 'usage_usec 99000000\n',
      });
    };
    use(0, 0);
    expect(await machine.worker()).toMatchObject({ cpu_pct: null, rss_mb: 2 });
    use(150, 1024 * 1024);
    expect(await machine.worker(1000)).toMatchObject({ cpu_pct: 150, rss_mb: 2, io_r_mb_s: 1, io_w_mb_s: 0 });
  });
});
