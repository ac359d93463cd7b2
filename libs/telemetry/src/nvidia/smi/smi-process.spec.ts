import { readdirSync, readFileSync } from 'node:fs';

import { describe, expect, it } from '@jest/globals';

import { eventually } from '#testing';

import { SmiProcess } from './smi-process.js';

/** The processes that stand in the same group as the run, as the state letters of `/proc`; `Z` is one left over. */
function statesOfGroup(group: number): string[] {
  const stats = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        return [readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)!.split(' ')];
      } catch {
        return [];
      }
    });
  return stats.filter((fields) => Number(fields[2]) === group).map(([state]) => state ?? '');
}

/** Runs a line of shell in the place of nvidia-smi; what it prints is in `text`. */
function runShell(line: string): { run: SmiProcess; text: () => string; group: () => number } {
  let text = '';
  const run = new SmiProcess('/bin/sh', ['-c', line], (piece) => (text += piece));
  return { run, text: () => text, group: () => Number(/group (\d+)/.exec(text)?.[1]) };
}

const TELL_GROUP = `read -r _ _ _ _ group _ </proc/self/stat; echo "group $group"`;

describe('SmiProcess', () => {
  it('gives what is said, the words of the failure and the exit code', async () => {
    const { run, text } = runShell('echo told; echo "no  driver" >&2; exit 9');
    expect(await run.ended).toBe(9);
    expect([text(), run.lastWords]).toEqual(['told\n', 'no driver']);
  });

  it.each(['exit 0', 'exit 9'])(
    'leaves nobody over who waits for the first process of a container: %s',
    async (end) => {
      const { run, group } = runShell(`${TELL_GROUP}; ${end}`);
      await run.ended;
      expect(group()).toBeGreaterThan(1);
      expect(statesOfGroup(group())).toEqual([]);
    },
  );

  it('ends with the program, however short that runs', async () => {
    const runs = Array.from({ length: 100 }, () => runShell('exit 3').run.ended);
    expect(new Set(await Promise.all(runs))).toEqual(new Set([3]));
  });

  it('ends in order when it is told to stop', async () => {
    const { run, group } = runShell(`${TELL_GROUP}; exec sleep 60`);
    await eventually('it runs', () => group() > 1);
    run.stop();
    expect(await run.ended).toBe(143);
    expect(statesOfGroup(group())).toEqual([]);
  });

  it('is killed half a second later where it does not stop', async () => {
    const { run, group } = runShell(`trap '' TERM; ${TELL_GROUP}; while :; do sleep 1; done`);
    await eventually('it runs', () => group() > 1);
    run.stop();
    expect(await run.ended).toBeNull();
    await run.gone(AbortSignal.timeout(5_000));
    expect(statesOfGroup(group()).filter((state) => state !== 'Z')).toEqual([]);
  });

  it('tells in its words that a program can not be run', async () => {
    const run = new SmiProcess('/nonexistent/nvidia-smi', [], () => undefined);
    expect(await run.ended).toBe(127);
    expect(run.lastWords).toMatch(/nvidia-smi.*not found/);
  });

  it('keeps the last of a flood of words only', async () => {
    const { run } = runShell('head -c 100000 /dev/zero | tr "\\0" x >&2; echo the end >&2');
    await run.ended;
    expect(run.lastWords.length).toBeLessThanOrEqual(256);
  });
});
