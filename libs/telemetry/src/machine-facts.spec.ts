import { join } from 'node:path';

import { describe, expect, it } from '@jest/globals';

import { sampleGpu, TempTree } from '#testing';

import { devicesOf, osPrettyName, readMachineFacts } from './machine-facts.js';

describe('readMachineFacts', () => {
  it('takes the name of the system from its file', async () => {
    using tree = new TempTree({
      'os-release': 'NAME="Debian"\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nID=debian\n',
    });
    const facts = await readMachineFacts(join(tree.root, 'os-release'));
    expect(facts.os).toBe('Debian GNU/Linux 12 (bookworm)');
    expect(facts.kernel).toMatch(/^\d+\./);
    expect(facts.arch).toBe(process.arch);
  });

  it('falls back on the kernel where there is no such file', async () => {
    const facts = await readMachineFacts('/no/such/file');
    expect(facts.os).toContain(facts.kernel);
  });
});

describe('osPrettyName', () => {
  it('reads it with either quotes or none', () => {
    expect(osPrettyName("PRETTY_NAME='Alpine Linux v3.20'\n")).toBe('Alpine Linux v3.20');
    expect(osPrettyName('PRETTY_NAME=Arch\n')).toBe('Arch');
    expect(osPrettyName('NAME=Arch\n')).toBeUndefined();
  });
});

describe('devicesOf', () => {
  const facts = { os: null, kernel: null, arch: null, cpuModel: 'AMD EPYC 7763' };

  it('lists the GPUs, then the CPU', () => {
    const gpu = { ...sampleGpu(), id: 'GPU-0', name: 'Tesla T4', vram_total_mb: 15360 };
    expect(devicesOf([gpu], facts)).toEqual([
      { id: 'GPU-0', name: 'Tesla T4', device_type: 'gpu', vram_gb: 15, compute_capability: '9.0' },
      { id: 'CPU-0', name: 'AMD EPYC 7763', device_type: 'cpu', vram_gb: null, compute_capability: null },
    ]);
  });

  it('names what it does not know as unknown', () => {
    const gpu = { ...sampleGpu(), name: null, vendor: 'NVIDIA', vram_total_mb: null };
    expect(devicesOf([gpu], { ...facts, cpuModel: null })).toMatchObject([
      { name: 'unknown NVIDIA GPU', vram_gb: null },
      { name: 'unknown CPU' },
    ]);
  });
});
