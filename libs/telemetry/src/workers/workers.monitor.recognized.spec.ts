import { describe, expect, it } from '@jest/globals';

import { FakeMachine, ManualClock } from '#testing';

import type { Contribution, WorkerObservation } from '../monitor.js';
import { Sightings } from '../sightings.js';
import { ProcFiles } from './proc-files.js';
import { WorkersMonitor } from './workers.monitor.js';

const CONTAINER = `/system.slice/docker-${'3f2a9c5d7e1b4086'.repeat(4)}.scope`;

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

describe('WorkersMonitor, servers outside of a slice', () => {
  it('takes the whole tree of a server for one worker, and its launchers for none', async () => {
    using machine = new Machine();
    machine.runVllm();
    machine.listening(102, [8000, 29_500]);
    machine.listening('self', [8000, 29_500]);
    machine.holds(102, [8000]);
    machine.holds(104, [29_500]);
    machine.sightings.sawHolders('nvidia', [104, 105]);
    expect(await machine.worker()).toEqual({
      pid: 102,
      pids: [102, 103, 104, 105],
      found_by: 'command',
      group: 'vllm',
      instance: '8000',
      cgroup: null,
      container: null,
      command: '/venv/bin/python3 /venv/bin/vllm serve a/b --api-key ***',
      port: 8000,
      engine: 'vllm',
      model: 'a/b',
      model_source: 'cmdline',
      cpu_pct: null,
      rss_mb: null,
      io_r_mb_s: null,
      io_w_mb_s: null,
      uptime_s: 600,
      state: 'ready',
    });
    expect(machine.sightings.servers).toEqual([
      { worker: 'vllm/8000', engine: 'vllm', origin: 'http://127.0.0.1:8000', pid: 102, startTicks: 40_000 },
    ]);
  });

  it('sees none where only the name of an engine stands in a line', async () => {
    using machine = new Machine();
    machine.run(10, { command: 'grep vllm serve' });
    machine.run(11, { command: 'bash -c vllm serve m' });
    machine.run(12, { command: 'ssh host ollama serve' });
    machine.run(13, { parent: 2, name: 'kworker/0:1-vllm', command: '' });
    machine.run(14, { command: undefined });
    expect(await machine.workers()).toEqual([]);
    expect(await machine.workers(60_000)).toEqual([]);
  });

  it('recognizes a server that starts later, one that a launcher becomes, and one that is exchanged', async () => {
    using machine = new Machine();
    expect(await machine.workers()).toEqual([]);
    machine.run(20, { name: 'sh', command: 'sh start.sh', startTicks: 99_000, stack: 4 });
    expect(await machine.workers(1000)).toEqual([]);
    machine.run(20, { name: 'llama-server', command: 'llama-server -m /m/q.gguf', startTicks: 99_000, stack: 5 });
    expect(await machine.worker(1000)).toMatchObject({ group: 'llama.cpp', model: 'q.gguf', pids: [20] });
    machine.run(20, { name: 'bash', command: 'bash', startTicks: 99_900, stack: 6 });
    expect(await machine.workers(60_000)).toEqual([]);
  });

  it('waits for the port that the server was told, whatever its helpers listen on', async () => {
    using machine = new Machine();
    machine.runVllm(' --port 9001');
    machine.listening(102, [29_500]);
    machine.holds(102, [29_500]);
    expect(await machine.worker()).toMatchObject({ instance: '9001', port: 9001, state: 'starting' });
    expect(machine.sightings.servers).toEqual([]);
    machine.listening(102, [29_500, 9001]);
    machine.holds(102, [29_500, 9001]);
    expect(await machine.worker(5000)).toMatchObject({ instance: '9001', port: 9001, state: 'ready' });
  });

  it('is called after the default of its engine until it is seen to listen elsewhere, and stays called so', async () => {
    using machine = new Machine();
    machine.run(30, { command: 'ollama serve' });
    machine.holds(30, []);
    expect(await machine.worker()).toMatchObject({ instance: '11434', port: null, state: 'starting' });
    machine.listening(30, [11_500]);
    machine.holds(30, [11_500]);
    expect(await machine.worker(5000)).toMatchObject({ instance: '11500', port: 11_500, state: 'ready' });
    machine.listening(30, []);
    machine.tree.remove('proc/30/fd/11500');
    expect(await machine.worker(60_000)).toMatchObject({ instance: '11500', port: null, state: 'starting' });
  });

  it("takes nobody else's socket for the server's own", async () => {
    using machine = new Machine();
    machine.run(30, { command: 'ollama serve' });
    machine.listening(30, [11_434]);
    machine.holds(30, []);
    expect(await machine.worker()).toMatchObject({ port: null, state: 'starting' });
  });

  it('takes the expected port for its own where its files may not be looked at', async () => {
    using machine = new Machine();
    machine.run(30, { command: 'ollama serve' });
    machine.listening(30, [22, 11_434]);
    expect(await machine.worker()).toMatchObject({ port: 11_434, state: 'ready' });
  });

  it('gives no origin of a server that it can not reach', async () => {
    using machine = new Machine();
    machine.run(30, { command: 'ollama serve' });
    machine.listening(30, [11_434]);
    machine.holds(30, [11_434]);
    expect(await machine.worker()).toMatchObject({ port: 11_434 });
    expect(machine.sightings.servers).toEqual([]);
    // The same socket after all, opened again.
    machine.tree.remove('proc/30/fd/11434');
    await machine.worker(60_000);
    machine.listening('self', [11_434]);
    machine.holds(30, [11_434]);
    expect(await machine.worker(60_000)).toMatchObject({ port: 11_434 });
    expect(machine.sightings.servers).toEqual([
      {
        worker: 'ollama/11434',
        engine: 'ollama',
        origin: 'http://127.0.0.1:11434',
        pid: 30,
        startTicks: 50_000,
      },
    ]);
  });

  it('knows two servers in one container for two, and the container by name', async () => {
    using machine = new Machine();
    machine.run(40, { command: 'tini -- start', cgroup: CONTAINER });
    machine.run(41, { parent: 40, command: 'vllm serve a --port 8000', cgroup: CONTAINER, startTicks: 50_001 });
    machine.run(42, { parent: 40, command: 'vllm serve b --port 8001', cgroup: CONTAINER, startTicks: 50_002 });
    const container = { runtime: 'docker', id: '3f2a9c5d7e1b', pod_uid: null };
    expect(await machine.workers()).toMatchObject([
      {
        pid: 41,
        pids: [41],
        found_by: 'container',
        instance: '8000',
        model: 'a',
        container,
        cgroup: CONTAINER.slice(1),
      },
      { pid: 42, pids: [42], found_by: 'container', instance: '8001', model: 'b', container },
    ]);
  });

  it('says that a unit runs it, but not that a login does', async () => {
    using machine = new Machine();
    machine.run(43, { command: 'ollama serve', cgroup: '/system.slice/ollama.service' });
    expect(await machine.worker()).toMatchObject({ found_by: 'unit', cgroup: 'system.slice/ollama.service' });
    machine.run(44, { command: 'tritonserver', cgroup: '/user.slice/user-1000.slice/session-3.scope' });
    expect((await machine.workers(1000)).map(({ found_by }) => found_by)).toEqual(['unit']);
    expect((await machine.workers(1000)).map(({ found_by }) => found_by)).toEqual(['unit', 'command']);
  });

  it("counts Ollama's runners to the server, and takes a hash for no model", async () => {
    using machine = new Machine();
    machine.run(50, { command: '/usr/bin/ollama serve' });
    machine.run(51, {
      parent: 50,
      command: `/usr/bin/ollama runner --model /blobs/sha256-${'a1'.repeat(32)} --port 4711`,
    });
    expect(await machine.worker()).toMatchObject({
      pids: [50, 51],
      instance: '11434',
      model: null,
      model_source: null,
    });
  });

  it('leaves to a slice what is in it', async () => {
    using machine = new Machine();
    machine.runVllm();
    machine.procs([103, 104, 105], 'rbee.slice/llm/8000');
    machine.sightings.sawHolders('nvidia', [104, 105]);
    expect(await machine.workers()).toMatchObject([
      { found_by: 'slice', group: 'llm', instance: '8000', pids: [103, 104, 105], engine: 'vllm' },
      { found_by: 'command', group: 'vllm', instance: '8000', pids: [102] },
    ]);
  });

  it('learns the model from the parent where only the renamed children are in the slice', async () => {
    using machine = new Machine();
    machine.runVllm();
    machine.procs([104], 'rbee.slice/llm/8000');
    const [worker] = await machine.workers();
    expect(worker).toMatchObject({ pid: 104, model: 'a/b', model_source: 'parent', command: 'VLLM::Worker_TP0' });
  });

  it('takes the server in a slice for the main process, not its launcher', async () => {
    using machine = new Machine();
    machine.runVllm();
    machine.procs([101, 102, 103, 104, 105], 'rbee.slice/llm/8000');
    expect(await machine.worker()).toMatchObject({ pid: 102, pids: [101, 102, 103, 104, 105], model: 'a/b' });
  });

  it('counts a script that uses an engine as its library to the engine', async () => {
    using machine = new Machine();
    machine.run(60, { name: 'bash', command: 'bash' });
    machine.run(61, { parent: 60, command: 'python3 /srv/app.py --model a/b --port 5005' });
    machine.run(62, { parent: 61, command: 'VLLM::EngineCore' });
    expect(await machine.worker()).toMatchObject({
      pid: 61,
      pids: [61, 62],
      engine: 'vllm',
      instance: '5005',
      model: 'a/b',
    });
  });

  it('sees only so much as it may', async () => {
    using machine = new Machine();
    machine.run(63, { command: undefined });
    machine.run(64, { command: 'ollama serve' });
    machine.tree.remove('proc/64/stat');
    expect(await machine.workers()).toEqual([]);
  });
});
