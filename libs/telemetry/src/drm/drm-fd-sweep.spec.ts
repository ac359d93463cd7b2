import { describe, expect, it } from '@jest/globals';

import { addDrmProcess, HOST_PROC, ManualClock, TempTree } from '#testing';

import { DrmFdSweep } from './drm-fd-sweep.js';

/** Every look at it takes so long. */
class TickingClock extends ManualClock {
  tickMs = 0;

  override monotonicMs(): number {
    this.stall(this.tickMs);
    return super.monotonicMs();
  }
}

async function stepAfter(sweep: DrmFdSweep, clock: ManualClock, ms: number): Promise<void> {
  clock.advance(ms);
  await sweep.step();
}

const processes = (proc: TempTree, count: number): void => {
  for (let pid = 1001; pid <= 1000 + count; pid += 1) {
    addDrmProcess(proc, pid, { 3: { node: pid === 1001 ? 'renderD128' : 'card0', fdinfo: '' } });
  }
};

describe('DrmFdSweep', () => {
  it('finds the device files among all others', async () => {
    using proc = new TempTree({ ...HOST_PROC, 'self/fd/': '', uptime: '1 1\n' });
    processes(proc, 2);
    proc.link('1002/fd/4', 'socket:[77]');
    proc.link('1002/fd/5', '/dev/dri/by-path');
    proc.link('1002/fd/6', '/home/me/dri/card0.txt');
    const found = new Map<number, ReadonlyMap<number, string>>();
    const sweep = new DrmFdSweep(proc.root, new ManualClock(), (pid, nodes) => found.set(pid, nodes));
    expect(sweep.seesAll).toBe(false);
    await sweep.step();
    expect(found).toEqual(
      new Map([
        [2, new Map()],
        [1001, new Map([[3, 'renderD128']])],
        [1002, new Map([[3, 'card0']])],
      ]),
    );
    expect([sweep.seesAll, sweep.hasHostPids, sweep.isRoundDone]).toEqual([true, true, true]);
  });

  it('looks at a part of them every other second, and at the youngest always', async () => {
    using proc = new TempTree(HOST_PROC);
    processes(proc, 40);
    const clock = new TickingClock();
    const looks: number[] = [];
    const sweep = new DrmFdSweep(proc.root, clock, (pid) => looks.push(pid));
    await sweep.step();
    expect(new Set(looks).size).toBe(41);
    looks.length = 0;
    await stepAfter(sweep, clock, 1999);
    expect(looks).toEqual([]);
    await stepAfter(sweep, clock, 1);
    clock.tickMs = 1;
    expect(looks).toEqual([1033, 1034, 1035, 1036, 1037, 1038, 1039, 1040]);
    looks.length = 0;
    await stepAfter(sweep, clock, 8000);
    expect(looks.slice(8)).toEqual([2, 1001]);
    looks.length = 0;
    await stepAfter(sweep, clock, 2000);
    expect(looks.slice(8)).toEqual([1002, 1003]);
  });

  it('does not claim to see all in the first round, or in a container', async () => {
    using proc = new TempTree();
    processes(proc, 300);
    const clock = new TickingClock();
    clock.tickMs = 2;
    const sweep = new DrmFdSweep(proc.root, clock, () => undefined);
    await sweep.step();
    expect(sweep.isRoundDone).toBe(false);
    for (let step = 0; step < 60; step += 1) await stepAfter(sweep, clock, 2000);
    expect([sweep.isRoundDone, sweep.seesAll]).toEqual([true, false]);
  });
});
