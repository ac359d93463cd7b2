import type { Clock } from '#service-kit';

import { pciAddress } from '../../gpu-order.js';
import type { GpuObservation, GpuProcess } from '../../monitor.js';
import { round } from '../../rate.js';
import { unknownGpu } from '../../unknown-gpu.js';
import { DEMO_CARDS, DEMO_TOTAL_MB, type DemoCard } from './demo-cards.js';
import { accumulated, followed, scaled, type Wave, waveAt } from './demo-wave.js';
import type { NvidiaBackend } from '../nvidia-backend.js';

const LIMIT_W = 700;
/** A cooler at rest, and what each watt adds to it. */
const COOL_C = 27;
const C_PER_W = 0.062;
/** How slowly the temperature of the chip and of its memory follow the power. */
const CHIP_INERTIA_S = 25;
const MEMORY_INERTIA_S = 60;
const CLOCK_MHZ = { boost: 1980, throttled: 1515, idle: 345, memory: 2619 };
/** Above any pid that Linux gives: no process of this machine is taken for one of these. */
const PID_BASE = 4_200_000;
/** What the cards have used before, in J. */
const ENERGY_BEFORE_J = 3_600_000;

/** Cards that are made up, for trying things without any: the same at the same time after the start, and possible. */
export class DemoBackend implements NvidiaBackend {
  readonly name = 'demo';
  private readonly startedMs: number;

  constructor(private readonly clock: Clock) {
    this.startedMs = clock.monotonicMs();
  }

  read(): Promise<readonly GpuObservation[]> {
    const s = (this.clock.monotonicMs() - this.startedMs) / 1000;
    return Promise.resolve(DEMO_CARDS.map((card, index) => demoGpu(card, index, s)));
  }

  [Symbol.dispose](): void {
    // Nothing is kept running.
  }
}

function demoGpu(card: DemoCard, index: number, s: number): GpuObservation {
  const power = powerOf(card);
  const celsius = (inertiaS: number): number => COOL_C + card.hotterC + C_PER_W * followed(power, s, inertiaS);
  const tempC = Math.round(celsius(CHIP_INERTIA_S));
  const load = waveAt(card.load, s);
  return unknownGpu({
    ...whoItIs(index),
    util_pct: card.util === null ? null : Math.round(waveAt(card.util, s)),
    mem_util_pct: card.util === null ? null : Math.round(waveAt(card.util, s) * 0.6),
    vram_used_mb: Math.round(waveAt(card.usedMb, s)),
    temp_c: tempC,
    mem_temp_c: Math.round(celsius(MEMORY_INERTIA_S) + 9),
    power_w: round(waveAt(power, s), 2),
    energy_j: Math.round(ENERGY_BEFORE_J * (index + 1) + accumulated(power, s)),
    sm_clock_mhz: smClock(card, load),
    processes: demoProcesses(card, index, s),
    ...card.trait(s, tempC),
  });
}

const whoItIs = (index: number): Pick<GpuObservation, 'vendor' | 'source'> & Partial<GpuObservation> => ({
  vendor: 'NVIDIA',
  source: 'demo',
  uuid: `GPU-00000000-0000-4000-8000-${String(index).padStart(12, '0')}`,
  name: 'NVIDIA H100 80GB HBM3',
  pci_bus_id: pciAddress(`0000:${(0x1b + index * 0x11).toString(16)}:00.0`),
  driver_version: '580.65.06',
  compute_capability: '9.0',
  vram_total_mb: DEMO_TOTAL_MB,
  power_limit_w: LIMIT_W,
  mem_clock_mhz: CLOCK_MHZ.memory,
  pcie_gen: 5,
  pcie_width: 16,
  throttle_reasons: [],
  ecc_errors: { corrected: 0, uncorrected: 0 },
  remapped_rows: { corrected: 0, uncorrected: 0, pending: false, failed: false },
  mig_mode: 'disabled',
});

const powerOf = ({ load, idleW, fullW }: DemoCard): Wave => scaled(load, (fullW - idleW) / 100, idleW);

function smClock(card: DemoCard, load: number): number {
  if (card.fullW >= LIMIT_W) return CLOCK_MHZ.throttled + 15 * Math.round((100 - load) * 2);
  return card.processes === 0 ? CLOCK_MHZ.idle : CLOCK_MHZ.boost;
}

/** A process holds all that is used but for what the driver takes; in slices they can't be told apart. */
function demoProcesses(card: DemoCard, index: number, s: number): readonly GpuProcess[] {
  const heldMb = Math.max(0, Math.round(waveAt(card.usedMb, s)) - 600);
  const util = card.util === null ? null : Math.round(waveAt(card.util, s));
  return Array.from({ length: card.processes }, () => ({
    pid: PID_BASE + index,
    vram_mb: heldMb,
    sm_util_pct: util,
  }));
}
