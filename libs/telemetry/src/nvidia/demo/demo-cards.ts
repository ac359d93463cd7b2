import type { MigDevice } from '#contracts';

import type { GpuObservation } from '../../monitor.js';
import { still, type Wave, waveAt } from './demo-wave.js';

/** Memory of an H100 80GB as the driver counts it, in MiB. */
export const DEMO_TOTAL_MB = 81_559;

/** The slices of the sliced card: profile size in MiB and how much of it is used. */
const SLICES: readonly (readonly [totalMb: number, used: Wave])[] = [
  [40_448, swinging(31_000, 2_500, 240, 1)],
  [20_096, swinging(12_000, 1_500, 300, 2)],
  [20_096, still(14)],
];
/** Instances in the order in which the driver makes them. */
const GPU_INSTANCES = [2, 3, 5];

/** When the card reports its Xid error: 63, a row was marked for replacement. */
const XID_AFTER_S = 180;
const XID_ROW_REMAPPING = 63;
/** The card whose memory errs is corrected that often. */
const CORRECTED_EVERY_S = 90;
/** Above this the hardware itself slows a card down. */
const SLOWDOWN_C = 87;

/** One card of the demonstration. */
export interface DemoCard {
  /** `null` as the driver says of a sliced card. */
  readonly util: Wave | null;
  /** What it does, where `util` doesn't tell. */
  readonly load: Wave;
  readonly usedMb: Wave;
  /** Of the power that its load takes, in W. */
  readonly idleW: number;
  readonly fullW: number;
  /** How much warmer it runs than the others, in °C. */
  readonly hotterC: number;
  readonly processes: number;
  /** What makes it worth looking at. */
  readonly trait: (s: number, tempC: number) => Partial<GpuObservation>;
}

function swinging(mean: number, amplitude: number, periodS: number, phase: number): Wave {
  const quick = { amplitude: amplitude * 0.3, periodS: periodS / 7.3, phase: phase * 2 };
  return { mean, swings: [{ amplitude: amplitude * 0.7, periodS, phase }, quick] };
}

const healthy = (): Partial<GpuObservation> => ({});

const serving = (phase: number, trait: DemoCard['trait'] = healthy): DemoCard => {
  const load = swinging(62, 34, 95 + phase * 11, phase);
  return {
    load,
    util: load,
    usedMb: swinging(73_400, 900, 400, phase),
    idleW: 118,
    fullW: 660,
    hotterC: 0,
    processes: 1,
    trait,
  };
};

const resting = (usedMb: number, processes: number): DemoCard => ({
  ...serving(0),
  load: still(0),
  util: still(0),
  usedMb: still(usedMb),
  idleW: usedMb > 1000 ? 116 : 71,
  processes,
});

/** Limited by its power all the time, and by its temperature while it is hottest. */
const throttled: DemoCard = {
  ...serving(3, (_s, tempC) => ({
    throttle_reasons: tempC >= SLOWDOWN_C ? ['sw_power_cap', 'hw_thermal_slowdown'] : ['sw_power_cap'],
  })),
  load: swinging(97, 3, 260, 3),
  util: swinging(97, 3, 260, 3),
  idleW: 350,
  fullW: 700,
  hotterC: 17,
};

const sliced: DemoCard = {
  ...serving(1, (s) => ({
    mig_mode: 'enabled',
    mig_devices: SLICES.map((slice, index) => migDevice(slice, index, s)),
  })),
  util: null,
  usedMb: {
    mean: SLICES.reduce((sum, [, used]) => sum + used.mean, 0),
    swings: SLICES.flatMap(([, used]) => used.swings),
  },
};

const remapping = serving(4, (s) =>
  s < XID_AFTER_S
    ? {}
    : {
        xid_last: XID_ROW_REMAPPING,
        ecc_errors: { corrected: 0, uncorrected: 1 },
        remapped_rows: { corrected: 0, uncorrected: 1, pending: true, failed: false },
      },
);

const erring = serving(5, (s) => ({
  ecc_errors: { corrected: 3 + Math.floor(s / CORRECTED_EVERY_S), uncorrected: 0 },
  remapped_rows: { corrected: 1, uncorrected: 0, pending: false, failed: false },
}));

/** Eight cards of one machine: two that serve, and one for each thing that an operator wants to see at once. */
export const DEMO_CARDS: readonly DemoCard[] = [
  serving(0),
  serving(0.4),
  throttled,
  sliced,
  remapping,
  erring,
  resting(61_440, 1),
  resting(4, 0),
];

function migDevice([totalMb, used]: (typeof SLICES)[number], index: number, s: number): MigDevice {
  return {
    index,
    uuid: `MIG-00000000-0000-4000-8000-${String(index).padStart(12, '0')}`,
    gpu_instance_id: GPU_INSTANCES[index] ?? null,
    compute_instance_id: 0,
    vram_used_mb: Math.round(waveAt(used, s)),
    vram_total_mb: totalMb,
  };
}
