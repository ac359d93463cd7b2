import { spawn } from 'node:child_process';
import { once } from 'node:events';

import { describe, expect, it } from '@jest/globals';

import { eventually, SseProbe, TempTree } from '#testing';

const ROOT = new URL('../', import.meta.url).pathname;

describe('npm start', () => {
  it('shows live numbers of this machine, and Ctrl-C stops both in under 2 s', async () => {
    const env = { ...process.env, QUEEN_PORT: '0', HIVE_PORT: '0', QUEEN_SSH_CONFIG: '/nonexistent' };
    using state = new TempTree();
    Object.assign(env, { QUEEN_STATE_DIR: state.root });
    // In a process group of its own, so that the signal reaches all of it, as from a terminal.
    const child = spawn('npm', ['start', '--silent'], { cwd: ROOT, env, detached: true });
    let [stdout, stderr] = ['', ''];
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    const exited = once(child, 'exit');
    try {
      await eventually('the table', () => stdout.includes('Ctrl-C stops both'), 60_000);
      expect(stdout).toMatch(/cpu +\d+\.\d % of \d+ cores/);
      expect(stdout).toMatch(/memory +\d+\.\d GiB of \d+\.\d GiB/);
      // Whatever else runs on this machine may be a worker.
      expect(stdout).toMatch(/workers +none|\S+\/\S+ +.+: (starting|ready|busy|error),/);
      const stream = /curl -N (http:\S+)/.exec(stdout)?.[1] ?? '';
      using viewer = new SseProbe(stream);
      await viewer.waitFor('telemetry', ({ json }) => json['type'] === 'hive_telemetry');
      const startedMs = performance.now();
      process.kill(-(child.pid ?? 0), 'SIGINT');
      await exited;
      expect(performance.now() - startedMs).toBeLessThan(2_000);
      await eventually('the stream ends', () => viewer.ended);
      expect(viewer.events.at(-1)?.json).toMatchObject({ type: 'closing' });
      expect(stderr).not.toMatch(/error/i);
      await expect(fetch(stream)).rejects.toThrow();
    } finally {
      if (child.exitCode === null && child.signalCode === null) process.kill(-(child.pid ?? 0), 'SIGKILL');
    }
  }, 90_000);
});
