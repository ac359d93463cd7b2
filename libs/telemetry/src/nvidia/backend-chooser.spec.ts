import { beforeEach, describe, expect, it } from '@jest/globals';

import { ManualClock } from '#testing';

import type { GpuObservation } from '../monitor.js';
import { unknownGpu } from '../unknown-gpu.js';
import { BackendChooser, type BackendChoice, type ChosenReading } from './backend-chooser.js';
import type { NvidiaBackend } from './nvidia-backend.js';

type Name = NvidiaBackend['name'];

/** A back end that does what the test says; a new one is made each time that it is chosen anew. */
class ManualBackend {
  behaviour: 'works' | 'absent' | 'fails' | 'hangs' = 'works';
  created = 0;
  open = 0;
  reads = 0;

  constructor(readonly name: Name) {}

  readonly choice: BackendChoice = {
    absence: 'there is none',
    create: () => {
      [this.created, this.open] = [this.created + 1, this.open + 1];
      return { name: this.name, read: (signal) => this.read(signal), [Symbol.dispose]: () => (this.open -= 1) };
    },
  };

  private read(signal: AbortSignal): Promise<readonly GpuObservation[] | 'absent'> {
    this.reads += 1;
    if (this.behaviour === 'absent') return Promise.resolve('absent');
    if (this.behaviour === 'fails') return Promise.reject(new Error(`${this.name} is broken`));
    if (this.behaviour === 'works') return Promise.resolve([unknownGpu({ vendor: 'NVIDIA', source: this.name })]);
    return new Promise((_resolve, reject) => {
      signal.addEventListener('abort', () => reject(new Error('it hung')));
    });
  }
}

let clock: ManualClock;
let nvml: ManualBackend;
let smi: ManualBackend;
let chooser: BackendChooser;

beforeEach(() => {
  clock = new ManualClock();
  [nvml, smi] = [new ManualBackend('nvml'), new ManualBackend('nvidia-smi')];
  chooser = new BackendChooser([nvml.choice, smi.choice], clock);
});

const read = (): Promise<ChosenReading | 'absent'> => chooser.read(new AbortController().signal);

async function source(): Promise<string | undefined> {
  const reading = await read();
  return reading === 'absent' ? reading : reading.gpus[0]?.source;
}

async function readAborted(): Promise<void> {
  const abort = new AbortController();
  const reading = chooser.read(abort.signal);
  abort.abort();
  await expect(reading).rejects.toThrow('it hung');
}

describe('BackendChooser', () => {
  it('takes the best, without a word, and starts no other', async () => {
    expect(await read()).toMatchObject({ gpus: [{ source: 'nvml' }], hint: undefined });
    expect(await source()).toBe('nvml');
    expect([nvml.created, smi.created]).toEqual([1, 0]);
  });

  it.each([
    ['absent', 'there is none'],
    ['fails', 'nvml is broken'],
  ] as const)('takes the next where the best %s, and says why', async (behaviour, why) => {
    nvml.behaviour = behaviour;
    expect(await read()).toMatchObject({ gpus: [{ source: 'nvidia-smi' }], hint: `read through nvidia-smi: ${why}` });
    expect([nvml.open, smi.open]).toEqual([0, 1]);
  });

  it('gives one that has worked up after its third failure in a row', async () => {
    await read();
    nvml.behaviour = 'fails';
    await expect(read()).rejects.toThrow('nvml is broken');
    await expect(read()).rejects.toThrow('nvml is broken');
    nvml.behaviour = 'works';
    expect(await source()).toBe('nvml');
    nvml.behaviour = 'fails';
    await expect(read()).rejects.toThrow('nvml is broken');
    await expect(read()).rejects.toThrow('nvml is broken');
    expect(await source()).toBe('nvidia-smi');
    expect([nvml.open, smi.open]).toEqual([0, 1]);
  });

  it('tries a better one again after 30 s, then more and more seldom, and goes back to it when it works', async () => {
    nvml.behaviour = 'fails';
    const triedAtS: number[] = [];
    for (let s = 0; s <= 2_400; s += 10) {
      const before = nvml.reads;
      expect(await source()).toBe('nvidia-smi');
      if (nvml.reads > before) triedAtS.push(s);
      clock.advance(10_000);
    }
    expect(triedAtS).toEqual([0, 30, 90, 210, 450, 930, 1530, 2130]);
    nvml.behaviour = 'works';
    clock.advance(600_000);
    expect(await source()).toBe('nvml');
    expect([nvml.open, smi.open]).toEqual([1, 0]);
  });

  it('keeps one whose reading was aborted: another would hang beside it', async () => {
    nvml.behaviour = 'hangs';
    for (let time = 0; time < 5; time++) await readAborted();
    expect([nvml.created, nvml.open, smi.created]).toEqual([1, 1, 0]);
    nvml.behaviour = 'works';
    expect(await source()).toBe('nvml');
  });

  it('puts a better one off that hangs when it is tried again', async () => {
    nvml.behaviour = 'fails';
    await read();
    nvml.behaviour = 'hangs';
    clock.advance(30_000);
    await readAborted();
    expect(await source()).toBe('nvidia-smi');
    expect([nvml.reads, nvml.open]).toEqual([2, 0]);
  });

  it('gives the word of the best where none works, tries all again ever more slowly, and the best first', async () => {
    [nvml.behaviour, smi.behaviour] = ['fails', 'fails'];
    const triedAtS: number[] = [];
    for (let s = 0; s <= 200; s++) {
      const before = nvml.reads;
      await expect(read()).rejects.toThrow('nvml is broken');
      if (nvml.reads > before) triedAtS.push(s);
      clock.advance(1_000);
    }
    expect(triedAtS).toEqual([0, 1, 3, 7, 15, 31, 63, 123, 183]);
    expect([nvml.open, smi.open]).toEqual([0, 0]);
    nvml.behaviour = 'works';
    clock.advance(60_000);
    expect(await source()).toBe('nvml');
  });

  it('is absent where all are, and looks again after a minute', async () => {
    [nvml.behaviour, smi.behaviour] = ['absent', 'absent'];
    expect(await read()).toBe('absent');
    smi.behaviour = 'works';
    clock.advance(59_000);
    expect(await read()).toBe('absent');
    clock.advance(1_000);
    expect(await source()).toBe('nvidia-smi');
  });

  it('gives the word of one that is there where the others are absent', async () => {
    [nvml.behaviour, smi.behaviour] = ['absent', 'fails'];
    await expect(read()).rejects.toThrow('nvidia-smi is broken');
  });

  it('ends what runs when it is disposed of, and can go on', async () => {
    await read();
    chooser[Symbol.dispose]();
    expect(nvml.open).toBe(0);
    expect(await source()).toBe('nvml');
    expect(nvml.open).toBe(1);
  });
});
