import { limits } from '#contracts';

import { CLOCKS_EVENT_IDLE, CLOCKS_EVENT_REASONS } from './nvml/nvml-h.js';

/** What holds the clocks down, from the driver's mask. A bit that this list does not know is told as such: it does. */
export function throttleReasonsOf(mask: number): readonly string[] {
  const known = [...CLOCKS_EVENT_REASONS].filter(([bit]) => (mask & bit) !== 0);
  const rest = known.reduce((left, [bit]) => left - bit, mask - (mask & CLOCKS_EVENT_IDLE));
  const names = known.map(([, name]) => name);
  return rest === 0 ? names : [...names, `reason_0x${rest.toString(16)}`].slice(0, limits.SHORT_LIST_MAX);
}
