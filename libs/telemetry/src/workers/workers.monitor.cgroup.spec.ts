import { spawn } from 'node:child_process';
import { accessSync, constants, existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { describe, expect, it } from '@jest/globals';

import { SystemClock } from '#service-kit';
import { eventually } from '#testing';

import type { WorkerObservation } from '../monitor.js';
import { Sightings } from '../sightings.js';
import { WorkersMonitor } from './workers.monitor.js';

const SLICE = `apiary-test-${process.pid}.slice`;
const ROOT = ['/sys/fs/cgroup', '/sys/fs/cgroup/unified'].find(isWritableCgroup2);
const reason = ROOT === undefined ? ' (skipped: no writable cgroup v2 here)' : '';

function isWritableCgroup2(root: string): boolean {
  try {
    accessSync(join(root, 'cgroup.procs'), constants.W_OK);
    return existsSync(join(root, 'cgroup.controllers'));
  } catch {
    return false;
  }
}

/** CPU time of a process in ms, as its own file tells it and not its cgroup. */
function cpuMs(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(' ');
  return (Number(fields[13]) + Number(fields[14])) * 10;
}

describe('WorkersMonitor on a real cgroup', () => {
  const onCgroup2 = ROOT === undefined ? it.skip : it;

  onCgroup2(`measures what a busy process uses, then sees it go${reason}`, async () => {
    const folder = join(ROOT!, SLICE, 'llm', 'busy');
    mkdirSync(folder, { recursive: true });
    const child = spawn(process.execPath, ['-e', 'for (;;);', '--', 'serve', '--model', 'spin']);
    const pid = child.pid!;
    const roots = { procRoot: '/proc', cgroupRoot: ROOT!, cgroupSlice: SLICE };
    const monitor = new WorkersMonitor(roots, new SystemClock(), new Sightings(), 1000);
    const worker = async (): Promise<WorkerObservation | undefined> => {
      const reading = await monitor.read();
      return reading === 'absent' ? undefined : reading.workers?.find(({ found_by }) => found_by === 'slice');
    };
    try {
      writeFileSync(join(folder, 'cgroup.procs'), String(pid));
      expect(await worker()).toMatchObject({ pid, group: 'llm', instance: 'busy', cpu_pct: null });
      const [startMs, startCpuMs] = [performance.now(), cpuMs(pid)];
      await eventually('it has used a core for 1 s', () => cpuMs(pid) - startCpuMs >= 1000);
      const measured = await worker();
      // One core where it has that to itself; less where others run beside it, and then by its own account.
      const expectedPct = (100 * (cpuMs(pid) - startCpuMs)) / (performance.now() - startMs);
      expect(Math.abs((measured?.cpu_pct ?? NaN) - expectedPct)).toBeLessThan(10);
      expect(measured).toMatchObject({ model: 'spin', state: (measured?.cpu_pct ?? 0) < 50 ? 'ready' : 'busy' });
      expect(measured?.rss_mb).toBeGreaterThan(1);
      child.kill('SIGKILL');
      await eventually('the worker is gone', async () => (await worker()) === undefined);
    } finally {
      child.kill('SIGKILL');
      // A cgroup whose last process is not reaped yet can't be removed.
      for (const path of ['llm/busy', 'llm', '.']) {
        await eventually('the cgroup is removed', () => (rmdirSync(join(ROOT!, SLICE, path)), true));
      }
    }
  });
});
