import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants, mkdirSync, rmdirSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

import { describe, expect, it } from '@jest/globals';

import { eventually, FakeNvidiaSmi, TempTree } from '#testing';

import { NVIDIA_SMI_PROGRAM } from './nvidia-smi-program.js';
import { NvidiaSmiXmlBackend } from './nvidia-smi-xml.backend.js';

const backendOf = (nvidiaSmi: string | undefined, path = ''): NvidiaSmiXmlBackend =>
  new NvidiaSmiXmlBackend({ nvidiaSmi, path });

const readOnce = (
  backend: NvidiaSmiXmlBackend,
  signal = AbortSignal.timeout(10_000),
): ReturnType<NvidiaSmiXmlBackend['read']> => backend.read(signal);

describe('NvidiaSmiXmlBackend', () => {
  it('reads the GPUs, whatever the executable is called, and goes on with one helper', async () => {
    using fake = new FakeNvidiaSmi('tesla-t4');
    using backend = backendOf(fake.path);
    for (let reading = 1; reading <= 3; reading++) {
      expect(await readOnce(backend)).toMatchObject([{ name: 'Tesla T4', vram_used_mb: 1032 }]);
    }
    expect(fake.runs()).toEqual({ started: 3, overlapped: 0 });
  });

  it.each(['fail', 'fail-stderr'])('tells why nvidia-smi failed, said by %s, and recovers', async (mode) => {
    using fake = new FakeNvidiaSmi('tesla-t4');
    using backend = backendOf(fake.path);
    const words = "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver.";
    fake.behave(`${mode} ${words}`);
    await expect(readOnce(backend)).rejects.toThrow(words);
    fake.behave('play');
    expect(await readOnce(backend)).toMatchObject([{ state: 'ok' }]);
  });

  it('does not take words on stderr for a failure', async () => {
    using fake = new FakeNvidiaSmi('tesla-t4');
    using backend = backendOf(fake.path);
    fake.behave('noise WARNING: infoROM is corrupted at gpu 0000:00:1E.0');
    expect(await readOnce(backend)).toMatchObject([{ vram_used_mb: 1032 }]);
  });

  it('takes a complete answer whatever the exit code, as that of a card whose infoROM is corrupted', async () => {
    using fake = new FakeNvidiaSmi('tesla-t4');
    using backend = backendOf(fake.path);
    fake.behave('exit 14');
    expect(await readOnce(backend)).toMatchObject([{ vram_used_mb: 1032 }]);
  });

  it('reads an answer of more than 1 MiB', async () => {
    using fake = new FakeNvidiaSmi('tesla-t4');
    using backend = backendOf(fake.path);
    fake.behave('large');
    expect(await readOnce(backend)).toMatchObject([{ vram_used_mb: 1032 }]);
  });

  it('rejects half an answer and recovers', async () => {
    using fake = new FakeNvidiaSmi('tesla-t4');
    using backend = backendOf(fake.path);
    fake.behave('truncated');
    await expect(readOnce(backend)).rejects.toThrow(/unclosed/i);
    fake.behave('play');
    expect(await readOnce(backend)).toMatchObject([{ vram_used_mb: 1032 }]);
  });

  it('leaves everything unknown where the driver says [N/A] to all', async () => {
    using fake = new FakeNvidiaSmi('tesla-t4');
    using backend = backendOf(fake.path);
    fake.behave('unknown');
    expect(await readOnce(backend)).toMatchObject([
      { uuid: null, vram_used_mb: null, util_pct: null, ecc_errors: null, processes: null },
    ]);
  });

  it('kills a run that hangs, leaves nothing behind, and never starts a second beside it', async () => {
    using fake = new FakeNvidiaSmi('tesla-t4');
    using backend = backendOf(fake.path);
    for (let reading = 1; reading <= 2; reading++) {
      fake.behave('hang');
      const abort = new AbortController();
      const hung = readOnce(backend, abort.signal);
      await eventually('it hangs', () => fake.alive().length === 1);
      abort.abort();
      await expect(hung).rejects.toMatchObject({ name: 'AbortError' });
      await eventually('it is gone', () => fake.alive().length === 0);
      fake.behave('play');
      expect(await readOnce(backend)).toMatchObject([{ vram_used_mb: 1032 }]);
    }
    expect(fake.runs()).toEqual({ started: 4, overlapped: 0 });
  });

  it('ends everything when it is disposed of while it reads', async () => {
    using fake = new FakeNvidiaSmi('tesla-t4');
    const backend = backendOf(fake.path);
    fake.behave('hang');
    const hung = readOnce(backend);
    await eventually('it hangs', () => fake.alive().length === 1);
    backend[Symbol.dispose]();
    await expect(hung).rejects.toThrow('the helper of nvidia-smi ended (SIGKILL)');
    await eventually('it is gone', () => fake.alive().length === 0);
  });

  it('says which setting is no executable', async () => {
    using tree = new TempTree({ 'plain-file': '#!/bin/sh\n' });
    for (const path of [join(tree.root, 'missing'), join(tree.root, 'plain-file'), tree.root]) {
      using backend = backendOf(path);
      await expect(readOnce(backend)).rejects.toThrow(`${path} is not an executable file`);
    }
  });

  it('is absent without nvidia-smi on the PATH', async () => {
    using tree = new TempTree({ 'bin/': '' });
    using backend = backendOf(undefined, `:/no/such/folder:${tree.root}/bin`);
    expect(await readOnce(backend)).toBe('absent');
  });
});

describe('the helper program', () => {
  it('ends with the process that started it, and takes a hung nvidia-smi with it', async () => {
    using fake = new FakeNvidiaSmi('tesla-t4');
    fake.behave('hang');
    const packagePath = createRequire(import.meta.url).resolve('node-nvidia-smi');
    const helper = spawn(process.execPath, ['--eval', NVIDIA_SMI_PROGRAM, packagePath], {
      detached: true,
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    });
    const ended = once(helper, 'exit');
    helper.send(fake.path);
    await eventually('it hangs', () => fake.alive().length === 1);
    helper.disconnect();
    expect(await ended).toEqual([null, 'SIGKILL']);
    await eventually('it is gone', () => fake.alive().length === 0);
  });
});

/** Only a frozen process survives SIGKILL as one does that hangs in a driver; version 1 of the freezer does that. */
const FREEZERS = '/sys/fs/cgroup/freezer';
const canFreeze = isWritable(join(FREEZERS, 'cgroup.procs'));

describe('a process that does not end after SIGKILL', () => {
  const onFreezer = canFreeze ? it : it.skip;
  const reason = canFreeze ? '' : ' (skipped: no writable v1 freezer here)';

  onFreezer(`is not joined by a second one${reason}`, async () => {
    using fake = new FakeNvidiaSmi('tesla-t4');
    using backend = backendOf(fake.path);
    fake.behave('hang');
    const abort = new AbortController();
    const hung = readOnce(backend, abort.signal);
    const [pid] = await eventually('it hangs', () => (fake.alive().length === 1 ? fake.alive() : undefined));
    const freezer = join(FREEZERS, `apiary-test-${process.pid}`);
    mkdirSync(freezer);
    try {
      writeFileSync(join(freezer, 'cgroup.procs'), String(pid));
      writeFileSync(join(freezer, 'freezer.state'), 'FROZEN');
      abort.abort();
      await expect(hung).rejects.toMatchObject({ name: 'AbortError' });
      fake.behave('play');
      await expect(readOnce(backend, AbortSignal.timeout(700))).rejects.toThrow(
        /^wedged: nvidia-smi .* after SIGKILL$/,
      );
      expect(fake.runs()).toEqual({ started: 1, overlapped: 0 });
    } finally {
      writeFileSync(join(freezer, 'freezer.state'), 'THAWED');
    }
    expect(await readOnce(backend)).toMatchObject([{ state: 'ok' }]);
    expect(fake.runs()).toEqual({ started: 2, overlapped: 0 });
    await eventually('the freezer is removed', () => (rmdirSync(freezer), true));
  });
});

function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}
