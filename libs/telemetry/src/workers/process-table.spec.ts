import { readlinkSync } from 'node:fs';

import { describe, expect, it } from '@jest/globals';

import { type Clock, SystemClock } from '#service-kit';
import { FakeEngine, FakeMachine, ManualClock } from '#testing';

import { CommandLineReader } from './command-line-reader.js';
import { ProcFiles } from './proc-files.js';
import { ProcessTable } from './process-table.js';

function tableOf(procRoot: string, clock: Clock = new ManualClock()): ProcessTable {
  return new ProcessTable(procRoot, new CommandLineReader(procRoot), new ProcFiles(procRoot, 0), clock);
}

/** A made machine that numbers its processes as this one does. */
function numberedMachine(lastPid: number): FakeMachine {
  const machine = new FakeMachine();
  machine.tree.remove('proc/self');
  machine.link('proc/self', String(process.pid));
  give(machine, lastPid);
  return machine;
}

function give(machine: FakeMachine, lastPid: number): void {
  machine.tree.write({ 'proc/loadavg': `0.10 0.20 0.30 1/200 ${lastPid}\n` });
}

describe('ProcessTable', () => {
  it('meets what is new by its number, and lists all only now and then', async () => {
    using machine = numberedMachine(100);
    const clock = new ManualClock();
    const table = tableOf(machine.procRoot, clock);
    machine.run(50, { command: 'a' });
    await table.scan([]);
    machine.run(101, { command: 'ollama serve' });
    machine.run(60, { command: 'unnoticed' });
    machine.end(50);
    give(machine, 102);
    await table.scan([]);
    expect([50, 60, 101, 102].map((pid) => table.get(pid) !== undefined)).toEqual([true, false, true, false]);
    clock.advance(10_000);
    await table.scan([]);
    expect([50, 60, 101].map((pid) => table.get(pid) !== undefined)).toEqual([false, true, true]);
  });

  it('lists all where numbers began anew, or too many were given', async () => {
    for (const lastPid of [5, 100_000]) {
      using machine = numberedMachine(100);
      const table = tableOf(machine.procRoot);
      await table.scan([]);
      machine.run(60);
      give(machine, lastPid);
      await table.scan([]);
      expect(table.get(60)).toBeDefined();
    }
  });

  it('takes a number that is given again for another process', async () => {
    using machine = numberedMachine(100);
    const clock = new ManualClock();
    const table = tableOf(machine.procRoot, clock);
    machine.run(101, { command: 'ollama serve' });
    await table.scan([]);
    expect(table.get(101)?.recognized).toEqual({ engine: 'ollama', serves: true });
    machine.run(101, { command: 'bash', startTicks: 60_000 });
    give(machine, 101);
    await table.scan([]);
    expect(table.get(101)).toMatchObject({ startTicks: 60_000, recognized: null });
  });

  it('learns at once that a watched process ended, or is another one now', async () => {
    using machine = numberedMachine(100);
    const clock = new ManualClock();
    const files = new ProcFiles(machine.procRoot, 0);
    const table = new ProcessTable(machine.procRoot, new CommandLineReader(machine.procRoot), files, clock);
    machine.run(50);
    machine.run(51);
    await table.scan([]);
    const { generation } = table;
    machine.end(50);
    machine.run(51, { startTicks: 70_000 });
    files.endSample();
    await table.scan([50, 51]);
    expect(table.get(50)).toBeUndefined();
    expect(table.get(51)?.startTicks).toBe(70_000);
    expect(table.generation).toBeGreaterThan(generation);
  });

  it('leaves threads of the kernel and of processes alone', async () => {
    using machine = numberedMachine(100);
    const table = tableOf(machine.procRoot);
    machine.run(2, { parent: 0, name: 'kthreadd', isKernelThread: true });
    await table.scan([]);
    const { generation } = table;
    machine.run(101, { parent: 2, name: 'kworker/1', isKernelThread: true });
    machine.tree.write({ 'proc/102/stat': `102 (thread) S 1${' 0'.repeat(33)} -1 0\n` });
    give(machine, 102);
    await table.scan([]);
    expect(table.get(101)?.isKernelThread).toBe(true);
    expect(table.get(102)).toBeUndefined();
    expect(table.generation).toBe(generation);
  });

  it('looks at a short-lived process never, and again at one that renames itself', async () => {
    using machine = numberedMachine(100);
    const clock = new ManualClock();
    const table = tableOf(machine.procRoot, clock);
    machine.run(50);
    await table.scan([]);
    machine.run(101, { command: 'ollama serve' });
    give(machine, 101);
    const engineAfter = async (ms: number): Promise<string | undefined> => {
      clock.advance(ms);
      await table.scan([]);
      return table.get(101)?.recognized?.engine;
    };
    expect(await engineAfter(0)).toBeUndefined();
    expect(await engineAfter(1000)).toBe('ollama');
    machine.run(101, { command: 'vllm serve m' });
    expect(await engineAfter(1000)).toBe('ollama');
    expect(await engineAfter(1000)).toBe('vllm');
    machine.run(101, { command: 'tritonserver' });
    expect(await engineAfter(7000)).toBe('triton');
    machine.run(101, { command: 'llama-server', name: 'other' });
    expect(await engineAfter(60_000)).toBe('llama.cpp');
  });

  it('finds a real process that starts between two scans', async () => {
    const table = tableOf('/proc', new SystemClock());
    expect(readlinkSync('/proc/self')).toBe(String(process.pid));
    await table.scan([]);
    await using engine = await FakeEngine.start({ command: ['ollama', 'serve'], children: [['ollama', 'runner']] });
    await table.scan([]);
    expect(table.get(engine.pid)?.parent).toBe(process.pid);
    expect(table.get(engine.pids[1] ?? 0)?.parent).toBe(engine.pid);
  });
});
