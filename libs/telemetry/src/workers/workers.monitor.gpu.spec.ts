import { describe, expect, it } from '@jest/globals';

import { FakeMachine, ManualClock } from '#testing';

import type { Contribution } from '../monitor.js';
import { Sightings } from '../sightings.js';
import { ProcFiles } from './proc-files.js';
import { WorkersMonitor } from './workers.monitor.js';

/** A made machine with a monitor on it; what holds GPU memory is told beside. */
class Machine extends FakeMachine {
  readonly clock = new ManualClock();
  readonly sightings = new Sightings();
  readonly monitor = new WorkersMonitor(
    { procRoot: this.procRoot, cgroupRoot: this.cgroupRoot, cgroupSlice: 'rbee.slice' },
    this.clock,
    this.sightings,
    1000,
    new ProcFiles(this.procRoot, 0),
  );

  /** `kthreadd` shows that this is the machine's own `/proc`. */
  constructor({ hasKernel = true } = {}) {
    super();
    this.run(1, { parent: 0, name: 'systemd', startTicks: 1, command: '/sbin/init' });
    if (hasKernel) this.run(2, { parent: 0, name: 'kthreadd', isKernelThread: true, startTicks: 1 });
  }

  async read(holders: readonly number[], afterMs = 0): Promise<Contribution> {
    this.sightings.sawHolders('nvidia', holders);
    this.clock.advance(afterMs);
    const reading = await this.monitor.read();
    if (reading === 'absent') throw new Error('absent');
    return reading;
  }
}

describe('WorkersMonitor, processes that hold GPU memory', () => {
  it('shows as another worker what nobody recognizes, also where its command line is secret', async () => {
    using machine = new Machine();
    machine.run(10, { name: 'train', command: 'train --data x --token abc' });
    machine.run(11, { name: 'hidden', command: undefined });
    const { workers, processes, hint } = await machine.read([10, 11]);
    const other = { found_by: 'gpu', group: 'other', engine: null, model: null, port: null };
    expect(workers).toMatchObject([
      { ...other, pid: 10, instance: 'pid-10', command: 'train --data x --token ***', state: 'starting' },
      { ...other, pid: 11, instance: 'pid-11', command: null },
    ]);
    expect(processes).toEqual(
      new Map([
        [10, { name: 'train', state: 'running' }],
        [11, { name: 'hidden', state: 'running' }],
      ]),
    );
    expect(hint).toBeUndefined();
    expect((await machine.read([10], 1000)).workers).toMatchObject([{ pid: 10 }]);
    expect((await machine.read([], 1000)).workers).toEqual([]);
  });

  it('keeps its name when it begins to listen', async () => {
    using machine = new Machine();
    machine.run(10, { command: 'python3 app.py' });
    expect((await machine.read([10])).workers).toMatchObject([{ instance: 'pid-10', port: null }]);
    machine.listening(10, [9100, 7000]);
    machine.holds(10, [9100, 7000]);
    expect((await machine.read([10], 5000)).workers).toMatchObject([{ instance: 'pid-10', port: 7000 }]);
  });

  it('takes the ranks of one program for one worker, but not what a shell or a host of many started', async () => {
    using machine = new Machine();
    machine.run(20, { name: 'bash', command: 'bash train.sh' });
    machine.run(21, { parent: 20, command: '/usr/bin/python3.11 train.py', startTicks: 50_001 });
    for (const pid of [22, 23, 24]) machine.run(pid, { parent: 21, command: 'python3 -c from_multiprocessing' });
    machine.run(30, { command: '/usr/bin/python3 /usr/bin/jupyter-lab', startTicks: 50_002 });
    for (const pid of [31, 32]) {
      machine.run(pid, { parent: 30, command: 'python3 -m ipykernel_launcher', startTicks: 50_000 + pid });
    }
    const { workers } = await machine.read([22, 23, 24, 31, 32]);
    expect(workers?.map(({ pid, pids }) => [pid, pids])).toEqual([
      [21, [21, 22, 23, 24]],
      [31, [31]],
      [32, [32]],
    ]);
  });

  it('recognizes what it finds so', async () => {
    using machine = new Machine();
    machine.run(40, { command: 'llama-cli -m /m/q.gguf' });
    expect((await machine.read([40])).workers).toMatchObject([
      { found_by: 'gpu', group: 'llama.cpp', engine: 'llama.cpp', model: 'q.gguf' },
    ]);
  });

  it('tells which are blocked in the kernel and which have ended and hold memory still', async () => {
    using machine = new Machine();
    machine.run(50, { name: 'stuck', state: 'D', command: 'stuck' });
    machine.run(51, { name: 'zombie', state: 'Z' });
    await machine.read([50, 51, 52]);
    const { processes, hint } = await machine.read([50, 51, 52], 2500);
    expect(processes).toEqual(
      new Map([
        [50, { name: 'stuck', state: 'blocked' }],
        [51, { name: 'zombie', state: 'dead' }],
        [52, { name: null, state: 'dead' }],
      ]),
    );
    expect(hint).toBeUndefined();
  });

  it('does not call a process dead that the driver only told of a moment ago', async () => {
    using machine = new Machine();
    machine.run(50, { command: 'x' });
    await machine.read([50]);
    machine.end(50);
    expect((await machine.read([50], 1000)).processes).toEqual(new Map());
    expect((await machine.read([50], 2500)).processes?.get(50)?.state).toBe('dead');
  });
});

describe('WorkersMonitor in a PID namespace of its own', () => {
  const foreign =
    "2 processes hold GPU memory and can't be seen from this PID namespace: " +
    'start the container with pid: host (docker run --pid=host, hostPID: true)';

  it('says what to do where the driver names processes that are not here, and takes none for another', async () => {
    using machine = new Machine({ hasKernel: false });
    machine.run(7, { command: 'innocent' });
    const { workers, processes, hint } = await machine.read([7, 90_001]);
    expect([workers, processes, hint]).toEqual([[], new Map(), foreign]);
    expect((await machine.read([], 1000)).hint).toBeUndefined();
  });

  it('believes a driver that names only what is here', async () => {
    using machine = new Machine({ hasKernel: false });
    machine.run(7, { command: 'x' });
    const { workers, hint } = await machine.read([7]);
    expect(workers).toMatchObject([{ pid: 7, found_by: 'gpu' }]);
    expect(hint).toBeUndefined();
  });

  it('blames hidden processes where the namespace is that of the machine', async () => {
    using machine = new Machine({ hasKernel: false });
    machine.tree.write({ 'proc/self/ns/': '' });
    machine.link('proc/self/ns/pid', 'pid:[4026531836]');
    machine.run(7, { command: 'x' });
    const { workers, processes, hint } = await machine.read([7, 90_001]);
    expect(workers).toMatchObject([{ pid: 7 }]);
    expect(processes?.size).toBe(1);
    expect(hint).toBe(
      "1 process that holds GPU memory can't be seen: run the hive as root, or mount /proc without hidepid",
    );
  });

  it('says what to do where a slice has only processes that can not be seen', async () => {
    using machine = new Machine();
    machine.procs([0, 0], 'rbee.slice/vllm/8000');
    const { workers, hint } = await machine.read([]);
    expect(workers).toEqual([]);
    expect(hint).toBe(
      "the processes in rbee.slice can't be seen from this PID namespace: " +
        'start the container with pid: host (docker run --pid=host, hostPID: true)',
    );
    machine.run(7, { command: 'x' });
    machine.procs([0, 7], 'rbee.slice/vllm/8000');
    expect((await machine.read([], 1000)).hint).toBeUndefined();
  });
});
