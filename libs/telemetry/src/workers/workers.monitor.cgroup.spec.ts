import { spawn } from 'node:child_process';
import { accessSync, constants, existsSync, mkdirSync, rmdirSync, writeFileSync } from 'node:fs';
import { setPriority } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { describe, expect, it } from '@jest/globals';

import { SystemClock } from '#service-kit';
import { eventually } from '#testing';

import type { WorkerObservation } from '../monitor.js';
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

describe('WorkersMonitor on a real cgroup', () => {
  (ROOT === undefined ? it.skip : it)(
    `measures a busy process at about one core, then sees it go${reason}`,
    async () => {
      const folder = join(ROOT!, SLICE, 'llm', 'busy');
      mkdirSync(folder, { recursive: true });
      const child = spawn(process.execPath, ['-e', 'for (;;);', '--', 'serve', '--model', 'spin']);
      try {
        // Other tests run beside this one; the busy process must get its core.
        setPriority(child.pid!, -20);
        writeFileSync(join(folder, 'cgroup.procs'), String(child.pid));
        const roots = { procRoot: '/proc', cgroupRoot: ROOT!, cgroupSlice: SLICE };
        const monitor = new WorkersMonitor(roots, new SystemClock(), 1000);
        const worker = async (): Promise<WorkerObservation | undefined> => {
          const reading = await monitor.read();
          return reading === 'absent' ? undefined : reading.workers?.[0];
        };
        expect(await worker()).toMatchObject({ pid: child.pid, group: 'llm', instance: 'busy', cpu_pct: null });
        // The rate needs a stretch of real time.
        await sleep(1500);
        const measured = await worker();
        expect(measured).toMatchObject({ model: 'spin', state: 'busy' });
        expect(measured?.cpu_pct).toBeGreaterThan(80);
        expect(measured?.cpu_pct).toBeLessThan(110);
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
    },
  );
});
