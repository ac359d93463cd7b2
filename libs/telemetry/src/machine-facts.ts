import { readFile } from 'node:fs/promises';
import os from 'node:os';

import type { Device, GpuReading } from '#contracts';

import { clip } from './clip.js';
import { round } from './rate.js';

/** What does not change while a hive runs. */
export interface MachineFacts {
  /** "Debian GNU/Linux 12 (bookworm)". */
  readonly os: string | null;
  /** "6.1.0-18-amd64". */
  readonly kernel: string | null;
  readonly arch: string | null;
  readonly cpuModel: string | null;
}

const MIB_PER_GIB = 1024;

/** Reads the facts once, at start. Never fails: what can't be told is `null`. Starts no process. */
export async function readMachineFacts(osReleaseFile = '/etc/os-release'): Promise<MachineFacts> {
  const osRelease = await readFile(osReleaseFile, 'utf8').catch(() => '');
  return {
    os: known(osPrettyName(osRelease) ?? `${os.type()} ${os.release()}`),
    kernel: known(os.release()),
    arch: known(os.arch()),
    cpuModel: known(os.cpus()[0]?.model ?? ''),
  };
}

/** The `PRETTY_NAME` of an os-release file, without its quotes. */
export function osPrettyName(osRelease: string): string | undefined {
  return /^PRETTY_NAME=(["']?)(.*)\1\s*$/m.exec(osRelease)?.[2];
}

/** What the hive can compute on, for its capabilities: its GPUs, then always the CPU. */
export function devicesOf(gpus: readonly GpuReading[], facts: MachineFacts): Device[] {
  const cpu: Device = {
    id: 'CPU-0',
    name: facts.cpuModel ?? 'unknown CPU',
    device_type: 'cpu',
    vram_gb: null,
    compute_capability: null,
  };
  return [...gpus.map(gpuDevice), cpu];
}

function gpuDevice(gpu: GpuReading): Device {
  return {
    id: gpu.id,
    name: gpu.name ?? `unknown ${gpu.vendor} GPU`,
    device_type: 'gpu',
    vram_gb: gpu.vram_total_mb === null ? null : round(gpu.vram_total_mb / MIB_PER_GIB, 1),
    compute_capability: gpu.compute_capability,
  };
}

/** Some platforms answer with a blank. */
function known(text: string): string | null {
  return text.trim() === '' ? null : clip(text.trim());
}
