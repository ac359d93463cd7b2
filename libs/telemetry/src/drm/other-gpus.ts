import { existsSync } from 'node:fs';
import { join } from 'node:path';

import type { Clock } from '#service-kit';

import type { Monitor } from '../monitor.js';
import type { Sightings } from '../sightings.js';
import { DrmMonitor } from './drm.monitor.js';
import { portableGpuMonitor } from './portable-gpu.monitor.js';

/** The cards that are not NVIDIA's: from the kernel's files on Linux, elsewhere as far as the platform tells. */
export function otherGpuMonitor(
  roots: { readonly procRoot: string; readonly sysRoot: string },
  clock: Clock,
  sightings: Sightings,
): Monitor {
  return existsSync(join(roots.procRoot, 'stat')) ? new DrmMonitor(roots, clock, sightings) : portableGpuMonitor(clock);
}
