import { describe, expect, it } from '@jest/globals';

import { mainProcess, type Process } from './main-process.js';
import { workerState } from './worker-state.js';

const signs = { mainState: 'S', orphaned: false, listening: true, cpuPct: 1 };

describe('workerState', () => {
  it('is busy from half a core on', () => {
    expect(workerState(signs)).toBe('ready');
    expect(workerState({ ...signs, cpuPct: 49.9 })).toBe('ready');
    expect(workerState({ ...signs, cpuPct: 50 })).toBe('busy');
    expect(workerState({ ...signs, cpuPct: null })).toBe('ready');
  });

  it('is starting until something listens, however busy', () => {
    expect(workerState({ ...signs, listening: false, cpuPct: 400 })).toBe('starting');
  });

  it('is starting without a port until there is a second sample', () => {
    expect(workerState({ ...signs, listening: undefined, cpuPct: null })).toBe('starting');
    expect(workerState({ ...signs, listening: undefined, cpuPct: 0 })).toBe('ready');
  });

  it('is an error once the main process is dead, gone, or has left the others without a listener', () => {
    expect(workerState({ ...signs, mainState: 'Z' })).toBe('error');
    expect(workerState({ ...signs, mainState: undefined })).toBe('error');
    expect(workerState({ ...signs, orphaned: true, listening: false })).toBe('error');
    expect(workerState({ ...signs, orphaned: true, listening: true })).toBe('ready');
    expect(workerState({ ...signs, mainState: 'D' })).toBe('ready');
  });
});

describe('mainProcess', () => {
  const each = (pid: number, parent: number, startTicks: number): Process => ({
    pid,
    parent,
    startTicks,
    group: 1,
    name: 'x',
    isKernelThread: false,
    isThread: false,
    state: 'S',
    cpuTicks: 0,
    image: 'x',
  });

  it('is the oldest whose parent is outside, not the lowest number', () => {
    expect(mainProcess([each(10, 30, 300), each(20, 30, 310), each(30, 1, 200), each(5, 1, 900)])?.pid).toBe(30);
    expect(mainProcess([each(9, 1, 200), each(8, 1, 200)])?.pid).toBe(8);
    expect(mainProcess([])).toBeUndefined();
  });
});
