import { join } from 'node:path';

import type { GpuObservation } from '../monitor.js';
import type { DrmCard } from './drm-cards.js';
import type { SensorFiles } from './sensor-files.js';

/** GT/s a lane, by generation from 1 on. */
const GENERATIONS = [2.5, 5, 8, 16, 32, 64];

/** The link between the card and the machine, as it was when it was asked: idle cards slow it down. */
export async function pcieLink(
  card: DrmCard,
  sensors: SensorFiles,
): Promise<Pick<GpuObservation, 'pcie_gen' | 'pcie_width'>> {
  const speed = /^([\d.]+) GT\/s/.exec((await sensors.text(join(card.linkPath, 'current_link_speed'))) ?? '')?.[1];
  const generation = GENERATIONS.indexOf(Number(speed)) + 1;
  return {
    pcie_gen: generation === 0 ? null : generation,
    // A dead link says 0 or 255.
    pcie_width: await sensors.number(join(card.linkPath, 'current_link_width'), { min: 1, max: 32 }),
  };
}
