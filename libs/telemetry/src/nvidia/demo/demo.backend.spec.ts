import { describe, expect, it } from '@jest/globals';

import { ManualClock } from '#testing';

import type { GpuObservation } from '../../monitor.js';
import { DemoBackend } from './demo.backend.js';

/** What the cards were at each second of the first hour. */
async function anHour(): Promise<GpuObservation[][]> {
  const clock = new ManualClock();
  using backend = new DemoBackend(clock);
  const seconds: GpuObservation[][] = [];
  for (let s = 0; s < 3_600; s++) {
    seconds.push([...(await backend.read())]);
    clock.advance(1_000);
  }
  return seconds;
}

const hour = anHour();

const all = async (): Promise<GpuObservation[]> => (await hour).flat();

/** The largest step of a value from one second to the next, of any card. */
async function largestStep(value: (gpu: GpuObservation) => number | null): Promise<number> {
  const seconds = await hour;
  const steps = seconds.slice(1).flatMap((now, s) => now.map((gpu, i) => [value(gpu), value(seconds[s]![i]!)]));
  return Math.max(...steps.map(([a, b]) => Math.abs((a ?? 0) - (b ?? 0))));
}

const range = (values: readonly (number | null)[]): [number, number] => {
  const known = values.filter((value) => value !== null);
  return [Math.min(...known), Math.max(...known)];
};

describe('the demonstration', () => {
  it('shows eight different H100s that say what they are', async () => {
    const [first = []] = await hour;
    expect(first).toHaveLength(8);
    expect(new Set(first.map(({ uuid }) => uuid)).size).toBe(8);
    expect(new Set(first.map(({ pci_bus_id }) => pci_bus_id)).size).toBe(8);
    for (const gpu of first) {
      expect(gpu).toMatchObject({ source: 'demo', name: 'NVIDIA H100 80GB HBM3', compute_capability: '9.0' });
    }
  });

  it('stays within what a card can do', async () => {
    const gpus = await all();
    const within = (values: readonly (number | null)[], min: number, max: number): void => {
      const [least, most] = range(values);
      expect(least).toBeGreaterThanOrEqual(min);
      expect(most).toBeLessThanOrEqual(max);
    };
    within(gpus.map(({ util_pct }) => util_pct), 0, 100); // prettier-ignore
    within(gpus.map(({ mem_util_pct }) => mem_util_pct), 0, 100); // prettier-ignore
    within(gpus.map(({ power_w }) => power_w), 60, 700); // prettier-ignore
    within(gpus.map(({ temp_c }) => temp_c), 25, 90); // prettier-ignore
    within(gpus.map(({ mem_temp_c }) => mem_temp_c), 25, 100); // prettier-ignore
    within(gpus.map(({ sm_clock_mhz }) => sm_clock_mhz), 345, 1980); // prettier-ignore
    const impossible = gpus.filter(({ vram_used_mb, vram_total_mb, processes, mig_devices }) => {
      const held = (processes ?? []).reduce((sum, process) => sum + (process.vram_mb ?? 0), 0);
      const fits = (used: number | null, total: number | null): boolean => used! >= 0 && used! <= total!;
      const slicesFit = mig_devices.every((slice) => fits(slice.vram_used_mb, slice.vram_total_mb));
      return !fits(vram_used_mb, vram_total_mb) || !fits(held, vram_used_mb) || !slicesFit;
    });
    expect(impossible).toEqual([]);
  });

  it('moves, and never jumps', async () => {
    const seconds = await hour;
    const [least, most] = range(seconds.map(([gpu]) => gpu?.util_pct ?? null));
    expect(most - least).toBeGreaterThan(40);
    expect(await largestStep(({ util_pct }) => util_pct)).toBeLessThanOrEqual(8);
    expect(await largestStep(({ temp_c }) => temp_c)).toBeLessThanOrEqual(1);
    expect(await largestStep(({ vram_used_mb }) => vram_used_mb)).toBeLessThanOrEqual(300);
  });

  it('takes more power for more work, and adds it up', async () => {
    const seconds = await hour;
    const busiest = seconds.map(([gpu]) => gpu!).sort((a, b) => (a.util_pct ?? 0) - (b.util_pct ?? 0));
    expect(busiest[0]!.power_w).toBeLessThan((busiest.at(-1)!.power_w ?? 0) / 2);
    for (let card = 0; card < 8; card++) {
      const joules = seconds.map((gpus) => gpus[card]?.energy_j ?? 0);
      const watts = seconds.map((gpus) => gpus[card]?.power_w ?? 0);
      const steps = joules.slice(1).map((value, s) => value - joules[s]!);
      expect(Math.min(...steps)).toBeGreaterThan(0);
      const used = watts.slice(1).reduce((sum, value) => sum + value, 0);
      expect(Math.abs(used / (joules.at(-1)! - joules[0]!) - 1)).toBeLessThan(0.01);
    }
  });

  it('has one of each: throttled, sliced, with an Xid, with corrected errors, held without work, and idle', async () => {
    const seconds = await hour;
    const card = (index: number): GpuObservation[] => seconds.map((gpus) => gpus[index]!);
    const hot = card(2).filter(({ throttle_reasons }) => throttle_reasons?.includes('hw_thermal_slowdown'));
    expect(hot.length).toBeGreaterThan(100);
    expect(hot.length).toBeLessThan(3_500);
    expect(card(2).every(({ throttle_reasons }) => throttle_reasons?.includes('sw_power_cap'))).toBe(true);
    expect(card(3)[0]).toMatchObject({ mig_mode: 'enabled', util_pct: null });
    expect(card(3)[0]?.mig_devices).toHaveLength(3);
    expect([card(4)[0]?.xid_last, card(4).at(-1)?.xid_last]).toEqual([null, 63]);
    expect(card(4).at(-1)?.remapped_rows).toMatchObject({ uncorrected: 1, pending: true });
    expect([card(5)[0]?.ecc_errors?.corrected, card(5).at(-1)?.ecc_errors?.corrected]).toEqual([3, 42]);
    expect(card(6)[0]).toMatchObject({ util_pct: 0, vram_used_mb: 61_440, power_w: 116 });
    expect(card(7)[0]).toMatchObject({ util_pct: 0, vram_used_mb: 4, power_w: 71, processes: [] });
  });

  it('is the same at the same time', async () => {
    const clock = new ManualClock();
    using backend = new DemoBackend(clock);
    clock.advance(1_234_000);
    using _later = new DemoBackend(clock);
    const seconds = await hour;
    expect(await backend.read()).toEqual(seconds[1_234]);
  });

  it('names no process that this machine can have', async () => {
    const pids = (await all()).flatMap(({ processes }) => processes ?? []).map(({ pid }) => pid);
    expect(Math.min(...pids)).toBeGreaterThan(2 ** 22);
  });
});
