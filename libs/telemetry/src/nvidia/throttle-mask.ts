/** The bits of the driver's mask (nvml.h, `nvmlClocksEventReason…`), in the order in which nvidia-smi lists them. */
const REASONS: readonly (readonly [bit: number, name: string])[] = [
  [0x002, 'applications_clocks_setting'],
  [0x004, 'sw_power_cap'],
  [0x008, 'hw_slowdown'],
  [0x040, 'hw_thermal_slowdown'],
  [0x080, 'hw_power_brake_slowdown'],
  [0x010, 'sync_boost'],
  [0x020, 'sw_thermal_slowdown'],
  [0x100, 'display_clocks_setting'],
];

/** What holds the clocks down, by the names of `nvidia-smi -q -x`; idling, bit 0, is no throttling. */
export const reasonsOfMask = (mask: number): string[] =>
  REASONS.filter(([bit]) => (mask & bit) !== 0).map(([, name]) => name);
