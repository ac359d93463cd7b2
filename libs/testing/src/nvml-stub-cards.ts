import type { GpuReading } from '#contracts';

import type { StubCard, StubLines } from './nvml-stub.js';

const MIB = 1024 * 1024;

/** A card that tells everything, two processes that compute and two that draw included. */
export const STUB_H100: StubLines = {
  name: 'NVIDIA H100 80GB HBM3',
  uuid: 'GPU-1111',
  pci: '00000000:1B:00.0',
  capability: '9 0',
  utilization: '97 41',
  memory_total: 81559 * MIB + 512 * 1024,
  memory_used: 75012 * MIB + MIB - 1,
  memory_reserved: 600 * MIB,
  temperature: 64,
  memory_temperature: 81,
  power_usage: 688_234,
  power_limit: 700_000,
  energy: 123_456_789,
  fan_speed: 30,
  sm_clock: 1980,
  mem_clock: 2619,
  pcie_gen: 5,
  pcie_width: 16,
  pcie_rx: 2048,
  pcie_tx: 1536,
  reasons: 0x244,
  ecc_corrected: 7,
  ecc_uncorrected: 3,
  remapped_rows: '2 1 1 0',
  mig_mode: '0 0',
  processes: 1,
  samples: 1,
  compute: [`41001:${74210 * MIB}`, '41002:N/A'],
  graphics: [`41001:${74210 * MIB}`, `99:${12 * MIB}`],
};

/** What nvidia-smi tells of a card, as far as NVML has it too. */
export interface ToldOfCard extends Omit<
  GpuReading,
  'id' | 'index' | 'age_ms' | 'unattributed_vram_mb' | 'processes' | 'source' | 'vendor'
> {
  readonly processes: readonly { readonly pid: number; readonly vram_mb: number | null }[] | null;
}

/** The bits of `nvmlClocksEventReason…`. */
export const CLOCKS_REASON_BITS: Readonly<Record<string, number>> = {
  applications_clocks_setting: 0x2,
  sw_power_cap: 0x4,
  hw_slowdown: 0x8,
  sync_boost: 0x10,
  sw_thermal_slowdown: 0x20,
  hw_thermal_slowdown: 0x40,
  hw_power_brake_slowdown: 0x80,
  display_clocks_setting: 0x100,
};
/** Idling is none of what nvidia-smi lists here. */
export const CLOCKS_IDLE_BIT = 0x1;

/** The card of which nvidia-smi has told this. */
export function stubCardOf(told: ToldOfCard): StubCard {
  return {
    lines: known({
      name: told.name,
      uuid: told.uuid,
      pci: told.pci_bus_id,
      ...memory(told),
      ...sensors(told),
      ...health(told),
      mig_mode: of(told.mig_mode, (mode) => (mode === 'enabled' ? '1 1' : '0 0')),
      ...holders(told.processes),
    }),
    slices: told.mig_devices.map((slice) =>
      known({
        uuid: slice.uuid,
        gpu_instance: slice.gpu_instance_id,
        compute_instance: slice.compute_instance_id,
        ...memory(slice),
        ...holders([]),
      }),
    ),
  };
}

type Lines = Readonly<Record<string, StubLines[string] | null>>;

function memory({ vram_used_mb, vram_total_mb }: Pick<ToldOfCard, 'vram_used_mb' | 'vram_total_mb'>): Lines {
  return { memory_used: of(vram_used_mb, bytes), memory_total: of(vram_total_mb, bytes) };
}

function sensors(told: ToldOfCard): Lines {
  return {
    utilization: of(told.util_pct, (util) => `${util} ${told.mem_util_pct ?? 0}`),
    temperature: told.temp_c,
    memory_temperature: told.mem_temp_c,
    power_usage: of(told.power_w, thousandfold),
    power_limit: of(told.power_limit_w, thousandfold),
    energy: of(told.energy_j, thousandfold),
    fan_speed: told.fan_pct,
    sm_clock: told.sm_clock_mhz,
    mem_clock: told.mem_clock_mhz,
    pcie_gen: told.pcie_gen,
    pcie_width: told.pcie_width,
  };
}

function health({ throttle_reasons, ecc_errors, remapped_rows }: ToldOfCard): Lines {
  return {
    reasons: of(throttle_reasons, (names) =>
      names.reduce((mask, name) => mask | (CLOCKS_REASON_BITS[name] ?? 0), CLOCKS_IDLE_BIT),
    ),
    ecc_corrected: ecc_errors?.corrected ?? null,
    ecc_uncorrected: ecc_errors?.uncorrected ?? null,
    remapped_rows: of(remapped_rows, (rows) =>
      [rows.corrected, rows.uncorrected, rows.pending, rows.failed].map(Number).join(' '),
    ),
  };
}

/** Every process is listed as one that computes. */
function holders(processes: ToldOfCard['processes']): Lines {
  if (processes === null) return {};
  return { processes: 1, compute: processes.map(({ pid, vram_mb }) => `${pid}:${of(vram_mb, bytes) ?? 'N/A'}`) };
}

function of<T, R>(value: T | null, turned: (value: T) => R): R | null {
  return value === null ? null : turned(value);
}

function bytes(mib: number): bigint {
  return BigInt(mib) * BigInt(MIB);
}

function thousandfold(value: number): number {
  return Math.round(value * 1000);
}

function known(lines: Lines): StubLines {
  return Object.fromEntries(Object.entries(lines).flatMap(([key, value]) => (value === null ? [] : [[key, value]])));
}
