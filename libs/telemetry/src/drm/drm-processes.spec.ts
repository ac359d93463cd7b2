import { chmodSync } from 'node:fs';
import { join } from 'node:path';

import { describe, expect, it } from '@jest/globals';

import {
  addDrmProcess,
  addKfd,
  amdgpuFdinfo,
  ARC_A770,
  ARC_B580,
  DrmMachine,
  i915Fdinfo,
  type MadeCard,
  MI210,
  RX_7900_XTX,
  UHD_770,
  xeFdinfo,
} from '#testing';

import type { GpuObservation } from '../monitor.js';
import { Sightings } from '../sightings.js';
import { DrmMonitor } from './drm.monitor.js';

/** A machine with these cards and the processes that a test adds. */
class Machine extends DrmMachine<GpuObservation> {
  readonly sightings: Sightings;

  constructor(...cards: readonly MadeCard[]) {
    const sightings = new Sightings();
    super(cards, ({ roots, clock }) => new DrmMonitor(roots, clock, sightings));
    this.sightings = sightings;
  }

  async gpu(index = 0): Promise<GpuObservation> {
    const gpu = (await this.gpus())[index];
    if (gpu === undefined) throw new Error('no such card');
    return gpu;
  }
}

const node = 'renderD128';
const notAsRoot = process.getuid?.() === 0 ? it.skip : it;

const told = <T>(reading: T | 'absent'): T => {
  if (reading === 'absent') throw new Error('absent');
  return reading;
};

describe('the processes of an AMD card', () => {
  it('are those that have it open, with their memory and their share of the engines', async () => {
    using machine = new Machine(MI210);
    addDrmProcess(machine.proc, 700, { 5: { node, fdinfo: amdgpuFdinfo(11, 1024 * 1024, { gfx: 5e9 }) } });
    expect((await machine.gpu()).processes).toEqual([{ pid: 700, vram_mb: 1024, sm_util_pct: null }]);
    expect([...machine.sightings.gpuHolders]).toEqual([700]);
    const later = amdgpuFdinfo(11, 2048 * 1024, { gfx: 5.25e9, compute: 0.6e9 });
    machine.clock.advance(1000);
    machine.proc.write({ '700/fdinfo/5': later });
    expect((await machine.gpu()).processes).toEqual([{ pid: 700, vram_mb: 2048, sm_util_pct: 60 }]);
  });

  it('count an open file once that was duplicated or inherited, for the process that had it first', async () => {
    using machine = new Machine(MI210);
    const shared = { node, fdinfo: amdgpuFdinfo(11, 1024) };
    addDrmProcess(machine.proc, 700, { 5: shared, 9: shared, 12: { node, fdinfo: amdgpuFdinfo(12, 2048) } });
    addDrmProcess(machine.proc, 701, { 5: shared });
    for (let reading = 0; reading < 3; reading += 1) {
      expect((await machine.gpu()).processes).toEqual([expect.objectContaining({ pid: 700, vram_mb: 3 })]);
      machine.clock.advance(2000);
    }
  });

  it('are told by KFD too, and what both tell is not added up', async () => {
    using machine = new Machine(MI210);
    addKfd(machine.sys, [{ gpuId: 51_110, location: 0x4300, target: 90_010, minor: 128 }]);
    machine.sys.write({
      'class/kfd/kfd/proc/800/vram_51110': `${3 * 1024 ** 3}\n`,
      'class/kfd/kfd/proc/801/vram_51110': `${1024 ** 3}\n`,
      'class/kfd/kfd/proc/802/vram_51110': '0\n',
      'class/kfd/kfd/proc/803/vram_4711': '4096\n',
    });
    addDrmProcess(machine.proc, 800, { 5: { node, fdinfo: amdgpuFdinfo(11, 2.5 * 1024 ** 2) } });
    await machine.read();
    machine.clock.advance(1000);
    // Queues of ROCm are not counted by the kernel, so that no engine time does not mean idle.
    expect((await machine.gpu()).processes).toEqual([
      { pid: 800, vram_mb: 3072, sm_util_pct: null },
      { pid: 801, vram_mb: 1024, sm_util_pct: null },
    ]);
    const grown = async (afterMs: number): Promise<number | null | undefined> => {
      machine.proc.write({ '800/fdinfo/5': amdgpuFdinfo(11, 4 * 1024 ** 2) });
      machine.clock.advance(afterMs);
      return (await machine.gpu()).processes?.find(({ pid }) => pid === 800)?.vram_mb;
    };
    // What KFD tells need not be asked twice every second.
    expect([await grown(1000), await grown(9000)]).toEqual([3072, 4096]);
  });

  it('are added up over the partitions of a card', async () => {
    using machine = new Machine(MI210);
    addKfd(machine.sys, [
      { gpuId: 1001, location: 0x4300, target: 90_402, minor: 128 },
      { gpuId: 1002, location: 0x4301, target: 90_402, minor: 140 },
    ]);
    machine.sys.write({
      'class/kfd/kfd/proc/800/vram_1001': `${1024 ** 2}\n`,
      'class/kfd/kfd/proc/800/vram_1002': `${2 * 1024 ** 2}\n`,
    });
    expect((await machine.gpu()).processes).toEqual([{ pid: 800, vram_mb: 3, sm_util_pct: null }]);
  });

  it('go when they end, close the card, or another takes over their number', async () => {
    using machine = new Machine(MI210);
    for (const pid of [700, 701, 702]) {
      addDrmProcess(machine.proc, pid, { 5: { node, fdinfo: amdgpuFdinfo(pid, 1024, { gfx: 9e9 }) } });
    }
    expect((await machine.gpu()).processes).toHaveLength(3);
    machine.proc.remove('700');
    machine.proc.write({ '701/fdinfo/5': 'pos:\t0\n', '702/fdinfo/5': amdgpuFdinfo(99, 4096, { gfx: 1e9 }) });
    expect((await machine.gpu()).processes).toEqual([]);
    machine.clock.advance(2000);
    expect((await machine.gpu()).processes).toEqual([{ pid: 702, vram_mb: 4, sm_util_pct: null }]);
  });

  it('are not listed on another card, or on one that is not read here', async () => {
    using machine = new Machine(MI210, { ...RX_7900_XTX, minor: 1 });
    addDrmProcess(machine.proc, 700, { 5: { node: 'renderD129', fdinfo: amdgpuFdinfo(11, 1024) } });
    addDrmProcess(machine.proc, 701, { 5: { node: 'renderD135', fdinfo: amdgpuFdinfo(12, 1024) } });
    expect((await machine.gpus()).map(({ processes }) => processes?.length)).toEqual([0, 1]);
  });
});

describe('the processes of an Intel card', () => {
  it('tell how busy the card is: the busiest engine over all of them', async () => {
    using machine = new Machine(ARC_A770);
    addDrmProcess(machine.proc, 700, { 5: { node, fdinfo: i915Fdinfo(1, 512, 0, 0) } });
    addDrmProcess(machine.proc, 701, { 5: { node, fdinfo: i915Fdinfo(2, 256, 0, 0) } });
    await machine.read();
    machine.clock.advance(1000);
    machine.proc.write({
      '700/fdinfo/5': i915Fdinfo(1, 512, 0.2e9, 1.6e9),
      '701/fdinfo/5': i915Fdinfo(2, 256, 0.1e9, 1.2e9),
    });
    const gpu = await machine.gpu();
    // Compute has four engines.
    expect(gpu.util_pct).toBe(70);
    expect(gpu.processes).toEqual([
      { pid: 700, vram_mb: 512, sm_util_pct: 40 },
      { pid: 701, vram_mb: 256, sm_util_pct: 30 },
    ]);
  });

  it('count cycles with xe, not those of copies', async () => {
    using machine = new Machine(ARC_B580);
    addDrmProcess(machine.proc, 700, { 5: { node: 'renderD129', fdinfo: xeFdinfo(1, 23_552, 0, 1000) } });
    await machine.read();
    machine.clock.advance(1000);
    machine.proc.write({ '700/fdinfo/5': xeFdinfo(1, 23_552, 250, 2000) });
    const gpu = await machine.gpu();
    expect([gpu.util_pct, gpu.processes]).toEqual([25, [{ pid: 700, vram_mb: 23, sm_util_pct: 25 }]]);
  });

  it('do not tell how busy it is where the driver does not count', async () => {
    using machine = new Machine(ARC_A770);
    const silent = 'drm-driver:\ti915\ndrm-client-id:\t1\ndrm-pdev:\t0000:03:00.0\n';
    addDrmProcess(machine.proc, 700, { 5: { node, fdinfo: silent } });
    await machine.read();
    machine.clock.advance(1000);
    const gpu = await machine.gpu();
    expect([gpu.util_pct, gpu.processes]).toEqual([null, [{ pid: 700, vram_mb: null, sm_util_pct: null }]]);
  });

  it("hold nothing of a processor's own graphics, which has no memory, and are no GPU workers by that", async () => {
    using machine = new Machine(UHD_770);
    addDrmProcess(machine.proc, 700, { 5: { node, fdinfo: i915Fdinfo(1, 0, 0, 0) } });
    await machine.read();
    machine.clock.advance(1000);
    machine.proc.write({ '700/fdinfo/5': i915Fdinfo(1, 0, 0.5e9, 0) });
    expect((await machine.gpu()).processes).toEqual([{ pid: 700, vram_mb: 0, sm_util_pct: 50 }]);
    expect([...machine.sightings.gpuHolders]).toEqual([]);
  });
});

describe('processes that cannot be seen', () => {
  it('make the list unknown where they could hold memory, and say how to see them', async () => {
    using machine = new Machine(MI210, { ...ARC_B580, minor: 1 });
    machine.proc.remove('2');
    const { gpus, hint } = told(await machine.read());
    expect(gpus?.map(({ processes, util_pct }) => [processes, util_pct])).toEqual([
      [null, 87],
      [null, null],
    ]);
    expect(hint).toContain('CAP_SYS_PTRACE');
  });

  it('leave the list known where next to nothing is left for them', async () => {
    using machine = new Machine(RX_7900_XTX);
    machine.proc.remove('2');
    addDrmProcess(machine.proc, 700, { 5: { node, fdinfo: amdgpuFdinfo(1, 102_400) } });
    expect((await machine.gpu()).processes).toEqual([{ pid: 700, vram_mb: 100, sm_util_pct: null }]);
  });

  notAsRoot('are counted as such where a folder may not be read (root may read all: skipped for root)', async () => {
    using machine = new Machine(MI210);
    addDrmProcess(machine.proc, 700, {});
    chmodSync(join(machine.proc.root, '700/fd'), 0o000);
    const { gpus, hint } = told(await machine.read());
    expect([gpus?.[0]?.processes, hint !== undefined]).toEqual([null, true]);
    chmodSync(join(machine.proc.root, '700/fd'), 0o700);
  });

  it("are not looked for by KFD's numbers, which mean nothing in a container", async () => {
    using machine = new Machine(RX_7900_XTX);
    addKfd(machine.sys, [{ gpuId: 7, location: 0x0300, target: 110_000, minor: 128 }]);
    machine.sys.write({ 'class/kfd/kfd/proc/800/vram_7': '1048576\n' });
    machine.proc.remove('2');
    expect((await machine.gpu()).processes).toEqual([]);
  });
});
