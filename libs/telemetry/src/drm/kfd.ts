import { join } from 'node:path';

import { limits } from '#contracts';

import { kernelNumber, tryList, tryReadKernelFile } from '../kernel-files.js';
import { MIB, round } from '../rate.js';
import type { DrmCard } from './drm-cards.js';

/** Processes that compute through ROCm at the same time; more are left out. */
const PROCESSES_MAX = 256;

/** A GPU, or a partition of one, as AMD's compute driver numbers it. */
interface KfdNode {
  readonly gpuId: string;
  /** 90402: 9.4.2. */
  readonly target: number;
  readonly renderNode: string;
  /** "00000000:03:00.0"; the function may be the number of a partition. */
  readonly address: string;
}

/**
 * AMD's compute driver (KFD), through which ROCm runs: what each process holds there, for everyone to read.
 * Source: the kernel's drivers/gpu/drm/amd/amdkfd/kfd_topology.c (node_show) and kfd_process.c (kfd_procfs_show).
 */
export class Kfd {
  private readonly folder: string;
  private listed = '';
  private nodes: readonly KfdNode[] = [];

  constructor(sysRoot: string) {
    this.folder = join(sysRoot, 'class/kfd/kfd');
  }

  /** "gfx942": what code for this card is compiled for. */
  targetOf(card: DrmCard): string | null {
    const [node] = this.nodesOf(card);
    return node === undefined || node.target === 0 ? null : gfxTarget(node.target);
  }

  /** The processes that compute. */
  pids(): ReadonlySet<number> {
    const names = tryList(join(this.folder, 'proc')).filter((name) => /^\d+$/.test(name));
    return new Set(names.slice(0, PROCESSES_MAX).map(Number));
  }

  /** What each process that computes holds of a card in MiB, over all of its partitions. */
  holdersOf(card: DrmCard): ReadonlyMap<number, number> {
    const nodes = this.nodesOf(card);
    if (nodes.length === 0) return new Map();
    const processes = join(this.folder, 'proc');
    const held = new Map<number, number>();
    for (const pid of this.pids()) {
      const mib = vramMb(nodes.map((node) => join(processes, String(pid), `vram_${node.gpuId}`)));
      if (mib !== null) held.set(pid, mib);
    }
    return held;
  }

  private nodesOf(card: DrmCard): readonly KfdNode[] {
    const names = tryList(join(this.folder, 'topology/nodes')).slice(0, 4 * limits.GPUS_PER_HIVE_MAX);
    if (names.join() !== this.listed) {
      this.nodes = names
        .map((name) => kfdNode(join(this.folder, 'topology/nodes', name)))
        .filter((node) => node !== null);
      this.listed = names.join();
    }
    const first = card.pciBusId.replace(/\.\d$/, '');
    return this.nodes.filter(
      ({ renderNode, address }) => card.nodes.has(renderNode) || address.startsWith(`${first}.`),
    );
  }
}

/** `null` for a processor. */
function kfdNode(folder: string): KfdNode | null {
  const gpuId = tryReadKernelFile(join(folder, 'gpu_id'))?.trim() ?? '0';
  const properties = tryReadKernelFile(join(folder, 'properties')) ?? '';
  const value = (key: string): number => kernelNumber(new RegExp(`^${key} (\\d+)$`, 'm').exec(properties)?.[1]) ?? 0;
  if (!/^[1-9]\d*$/.test(gpuId)) return null;
  return {
    gpuId,
    target: value('gfx_target_version'),
    renderNode: `renderD${value('drm_render_minor')}`,
    address: pciAddressOf(value('domain'), value('location_id')),
  };
}

/** A location is the bus in the upper byte, then five bits of the device and three of the function. */
function pciAddressOf(domain: number, location: number): string {
  const hex = (value: number, digits: number): string => value.toString(16).padStart(digits, '0').toUpperCase();
  return `${hex(domain, 8)}:${hex((location >> 8) & 0xff, 2)}:${hex((location >> 3) & 0x1f, 2)}.${location & 7}`;
}

/** Of major, minor and stepping with two digits each the last two are written as hexadecimal: 90010 is "gfx90a". */
function gfxTarget(version: number): string {
  const [major, minor, stepping] = [Math.floor(version / 10_000), Math.floor(version / 100) % 100, version % 100];
  return `gfx${major}${minor.toString(16)}${stepping.toString(16)}`;
}

/** `null` where the process does not use the card, or may not be told of. */
function vramMb(files: readonly string[]): number | null {
  const held = files.map((file) => kernelNumber(tryReadKernelFile(file)?.trim())).filter((bytes) => bytes !== null);
  return held.length === 0 ? null : round(held.reduce((sum, bytes) => sum + bytes, 0) / MIB, 1);
}
