import type { Clock } from '#service-kit';

import type { GpuObservation } from '../monitor.js';
import { lastingOf } from '../unknown-gpu.js';
import { isAsleep, maySleep } from './runtime-status.js';

/** A desktop keeps that much of a card that shows nothing, in MiB. */
const IDLE_VRAM_MB_MAX = 64;
/** How long the cards have nothing to do before they are left alone; doubles each time that none fell asleep. */
const IDLE_MS_MIN = 30_000;
const IDLE_MS_MAX = 600_000;
/** How long they are left alone: the kernel switches a card off some 10 s after its last use. */
const LEFT_ALONE_MS = 30_000;

/**
 * Whoever has NVML open, as an nvidia-smi that stays, holds every card awake. So a machine with a card that may sleep,
 * as a laptop, is let go of when none of its cards has anything to do, long enough for that card to fall asleep.
 */
export class IdleCards {
  private idleSinceMs: number | undefined;
  private idleMs = IDLE_MS_MIN;
  private left: { readonly gpus: readonly GpuObservation[]; readonly atMs: number } | undefined;

  constructor(
    private readonly sysRoot: string,
    private readonly clock: Clock,
  ) {}

  /** The cards as they were read last, with the age of their values, while they are left alone. */
  leftAlone(): readonly GpuObservation[] | undefined {
    if (this.left === undefined) return undefined;
    const ageMs = this.clock.monotonicMs() - this.left.atMs;
    const gpus = this.left.gpus.map((gpu) =>
      this.sleeps(gpu) ? { ...lastingOf(gpu), state: 'asleep' as const } : { ...gpu, ageMs },
    );
    if (ageMs < LEFT_ALONE_MS) return gpus;
    this.left = undefined;
    const slept = gpus.some(({ state }) => state === 'asleep');
    this.idleMs = slept ? IDLE_MS_MIN : Math.min(this.idleMs * 2, IDLE_MS_MAX);
    return undefined;
  }

  /** To be told of each reading. Whether the cards are to be let go of now. */
  mayBeLeft(gpus: readonly GpuObservation[]): boolean {
    const atMs = this.clock.monotonicMs();
    if (!gpus.every(isIdle)) this.idleSinceMs = undefined;
    else this.idleSinceMs ??= atMs;
    if (this.idleSinceMs === undefined || atMs - this.idleSinceMs < this.idleMs) return false;
    this.idleSinceMs = undefined;
    if (!gpus.some((gpu) => gpu.state === 'ok' && maySleep(this.sysRoot, gpu.pci_bus_id ?? ''))) return false;
    this.left = { gpus, atMs };
    return true;
  }

  private sleeps({ pci_bus_id }: GpuObservation): boolean {
    return pci_bus_id !== null && isAsleep(this.sysRoot, pci_bus_id);
  }
}

function isIdle({ state, util_pct, processes }: GpuObservation): boolean {
  if (state !== 'ok') return true;
  const held = processes?.reduce((sum, { vram_mb }) => sum + (vram_mb ?? IDLE_VRAM_MB_MAX), 0);
  return util_pct === 0 && held !== undefined && held < IDLE_VRAM_MB_MAX;
}
