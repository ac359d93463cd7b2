import { readlinkSync, realpathSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

import { limits } from '#contracts';

import { clip } from '../clip.js';
import { pciAddress } from '../gpu-order.js';
import { tryList, tryReadKernelFile } from '../kernel-files.js';

/** A graphics card as its bus shows it, without asking the card: none of this wakes it. */
export interface DrmCard {
  readonly vendor: 'AMD' | 'Intel';
  readonly driver: string;
  /** "0x744c". */
  readonly deviceId: string;
  /** "00000000:03:00.0". */
  readonly pciBusId: string;
  /** `/sys/class/drm/card0` */
  readonly cardPath: string;
  /** `/sys/class/drm/card0/device` */
  readonly devicePath: string;
  /** Where the link to the machine is told. */
  readonly linkPath: string;
  /** The names of its device files: "card0", "renderD128". */
  readonly nodes: ReadonlySet<string>;
}

/** Beside its GPUs a machine may have other adapters. */
const CARDS_MAX = 2 * limits.GPUS_PER_HIVE_MAX;

/**
 * The vendors that are read here, with the drivers that tell something. NVIDIA's cards are another monitor's, and the
 * adapters of virtual machines and of boards' management chips compute nothing.
 */
const VENDORS: ReadonlyMap<string, { readonly vendor: DrmCard['vendor']; readonly drivers: RegExp }> = new Map([
  ['0x1002', { vendor: 'AMD', drivers: /^(amdgpu|radeon)$/ }],
  ['0x8086', { vendor: 'Intel', drivers: /^(i915|xe)$/ }],
]);

/**
 * The AMD and Intel cards in `{sysRoot}/class/drm`; a card that comes back at another place is a new one. The file
 * `uevent` would tell it all at once, but takes a lock that a driver may hold while it hangs.
 */
export class DrmCards {
  private known = new Map<string, DrmCard | undefined>();

  constructor(private readonly sysRoot: string) {}

  list(): readonly DrmCard[] {
    const folder = join(this.sysRoot, 'class/drm');
    const names = tryList(folder).filter((name) => /^card\d+$/.test(name));
    const now = new Map<string, DrmCard | undefined>();
    for (const cardPath of names.slice(0, CARDS_MAX).map((name) => join(folder, name))) {
      const place = linkTarget(cardPath);
      now.set(place, this.known.has(place) ? this.known.get(place) : drmCard(cardPath));
    }
    this.known = now;
    return [...now.values()].filter((card) => card !== undefined);
  }
}

function drmCard(cardPath: string): DrmCard | undefined {
  const devicePath = join(cardPath, 'device');
  const vendorId = tryReadKernelFile(join(devicePath, 'vendor'))?.trim() ?? '';
  const known = VENDORS.get(vendorId);
  const driver = basename(linkTarget(join(devicePath, 'driver')));
  const pciBusId = pciAddress(basename(realPath(devicePath)));
  if (known === undefined || pciBusId === null || !known.drivers.test(driver)) return undefined;
  return {
    vendor: known.vendor,
    driver,
    deviceId: clip(tryReadKernelFile(join(devicePath, 'device'))?.trim() ?? 'unknown'),
    pciBusId,
    cardPath,
    devicePath,
    linkPath: linkPath(devicePath, vendorId),
    nodes: new Set(tryList(join(devicePath, 'drm'))),
  };
}

/**
 * Many cards carry a PCIe switch: the GPU's own link leads to that and never changes, the one to the machine is that
 * of the switch's upper port. Both ports of the switch have the card's vendor and there is a port of the machine above
 * them, which tells them from the ports of a machine of the same vendor.
 */
function linkPath(devicePath: string, vendorId: string): string {
  const lower = dirname(realPath(devicePath));
  const upper = dirname(lower);
  const vendorOf = (port: string): string | undefined => tryReadKernelFile(join(port, 'vendor'))?.trim();
  const isSwitch = vendorOf(lower) === vendorId && vendorOf(upper) === vendorId;
  return isSwitch && vendorOf(dirname(upper)) !== undefined ? upper : devicePath;
}

/** Empty where there is no such link. */
function linkTarget(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}

/** Empty where it leads nowhere. */
function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return '';
  }
}

/** Whether the card is switched off, or on its way there or back: asking it anything would wake it, or wait for it. */
export function isAsleep(card: DrmCard): boolean {
  const status = tryReadKernelFile(join(card.devicePath, 'power/runtime_status'))?.trim();
  return status === 'suspended' || status === 'suspending';
}

/** Whether the kernel may switch the card off when nothing uses it; reading a sensor counts as use. */
export function maySleep(card: DrmCard): boolean {
  return tryReadKernelFile(join(card.devicePath, 'power/control'))?.trim() === 'auto';
}
