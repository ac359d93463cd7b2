import { kernelNumber } from '../kernel-files.js';

/** How long a group of the same engines has been busy for one client, in the driver's own counting. */
export interface EngineCounter {
  /** Nanoseconds, or the cycles that `total` counts. */
  readonly busy: number;
  /** Cycles that have passed; `null` where `busy` is time. */
  readonly total: number | null;
  /** Engines in the group. */
  readonly capacity: number;
}

/** One open device file of a graphics card, as `/proc/{pid}/fdinfo/{fd}` tells it. */
export interface DrmFdinfo {
  readonly driver: string;
  /** The same wherever this open file was passed on or inherited to. */
  readonly clientId: string;
  /** What it holds of the card's own memory; `null` where the driver does not tell or the card has none. */
  readonly vramBytes: number | null;
  /** The engines that compute, by the driver's name: not those that copy or handle video. */
  readonly engines: ReadonlyMap<string, EngineCounter>;
}

/** `amdgpu`: gfx, compute. `i915`: render, compute. `xe`: rcs, ccs. */
const COMPUTING = new Set(['gfx', 'compute', 'render', 'rcs', 'ccs']);
/** `amdgpu` leaves out an engine that a client never used. */
const LEFT_OUT_AT_ZERO: ReadonlyMap<string, readonly string[]> = new Map([['amdgpu', ['gfx', 'compute']]]);
const BYTES: ReadonlyMap<string, number> = new Map([
  ['', 1],
  ['KiB', 1024],
  ['MiB', 1024 * 1024],
]);
/** What is in the memory now, before what was asked for: memory may have been moved out. */
const VRAM_KEYS = [/^drm-resident-(vram|local)\d*$/, /^drm-memory-(vram|local)\d*$/, /^drm-total-(vram|local)\d*$/];

/**
 * `null` where the text is not of a graphics card.
 * Source: the kernel's Documentation/gpu/drm-usage-stats.rst; the names of memory and engines are those of
 * drivers/gpu/drm/amd/amdgpu/amdgpu_fdinfo.c, drivers/gpu/drm/i915/i915_drm_client.c, drivers/gpu/drm/xe/xe_drm_client.c.
 */
export function parseFdinfo(text: string): DrmFdinfo | null {
  const values = new Map(text.split('\n').map((line) => keyAndValue(line)));
  const [driver, clientId] = [values.get('drm-driver'), values.get('drm-client-id')];
  if (!driver || !clientId) return null;
  return { driver, clientId, vramBytes: vramBytes(values), engines: engines(values, driver) };
}

function keyAndValue(line: string): [string, string] {
  const colon = line.indexOf(':');
  return [line.slice(0, colon), line.slice(colon + 1).trim()];
}

function vramBytes(values: ReadonlyMap<string, string>): number | null {
  for (const vramKey of VRAM_KEYS) {
    const sizes = [...values].filter(([key]) => vramKey.test(key)).map(([, value]) => bytes(value));
    if (sizes.length > 0) return sizes.reduce((sum, size) => (sum === null || size === null ? null : sum + size), 0);
  }
  return null;
}

function bytes(value: string): number | null {
  const [, amount, unit = ''] = /^(\d{1,16})(?: (\w+))?$/.exec(value) ?? [];
  const [count, size] = [kernelNumber(amount), BYTES.get(unit)];
  return count === null || size === undefined ? null : count * size;
}

function engines(values: ReadonlyMap<string, string>, driver: string): ReadonlyMap<string, EngineCounter> {
  const found = new Map<string, EngineCounter>();
  for (const name of LEFT_OUT_AT_ZERO.get(driver) ?? []) found.set(name, { busy: 0, total: null, capacity: 1 });
  for (const name of COMPUTING) {
    const capacity = kernelNumber(values.get(`drm-engine-capacity-${name}`)) ?? 1;
    const time = kernelNumber(/^(\d+) ns$/.exec(values.get(`drm-engine-${name}`) ?? '')?.[1]);
    const cycles = kernelNumber(values.get(`drm-cycles-${name}`));
    const total = kernelNumber(values.get(`drm-total-cycles-${name}`));
    if (capacity < 1) continue;
    if (time !== null) found.set(name, { busy: time, total: null, capacity });
    else if (cycles !== null && total !== null) found.set(name, { busy: cycles, total, capacity });
  }
  return found;
}
