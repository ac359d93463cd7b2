import { realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';

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

/**
 * The vendors that are read here, with the drivers that tell something. NVIDIA's cards are another monitor's, and the
 * adapters of virtual machines and of boards' management chips compute nothing.
 */
const VENDORS: ReadonlyMap<string, { readonly vendor: DrmCard['vendor']; readonly drivers: RegExp }> = new Map([
  ['1002', { vendor: 'AMD', drivers: /^(amdgpu|radeon)$/ }],
  ['8086', { vendor: 'Intel', drivers: /^(i915|xe)$/ }],
]);

/** The AMD and Intel cards in `{sysRoot}/class/drm`; a card that comes back or is replaced is a new one. */
export class DrmCards {
  private known = new Map<string, DrmCard | undefined>();

  constructor(private readonly sysRoot: string) {}

  list(): readonly DrmCard[] {
    const folder = join(this.sysRoot, 'class/drm');
    const now = new Map<string, DrmCard | undefined>();
    for (const name of tryList(folder)
      .filter((entry) => /^card\d+$/.test(entry))
      .slice(0, limits.GPUS_PER_HIVE_MAX)) {
      const uevent = tryReadKernelFile(join(folder, name, 'device/uevent')) ?? '';
      const key = `${name}\n${uevent}`;
      now.set(key, this.known.has(key) ? this.known.get(key) : drmCard(join(folder, name), uevent));
    }
    this.known = now;
    return [...now.values()].filter((card) => card !== undefined);
  }
}

function drmCard(cardPath: string, uevent: string): DrmCard | undefined {
  const value = (key: string): string => new RegExp(`^${key}=(.*)$`, 'm').exec(uevent)?.[1]?.trim() ?? '';
  const [vendorId = '', deviceId = ''] = value('PCI_ID').toLowerCase().split(':');
  const [driver, pciBusId] = [clip(value('DRIVER')), pciAddress(value('PCI_SLOT_NAME'))];
  const known = VENDORS.get(vendorId);
  if (known === undefined || pciBusId === null || !known.drivers.test(driver)) return undefined;
  const devicePath = join(cardPath, 'device');
  return {
    vendor: known.vendor,
    driver,
    deviceId: `0x${deviceId}`,
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
  try {
    const lower = dirname(realpathSync(devicePath));
    const upper = dirname(lower);
    const isSwitch = [lower, upper].every(
      (port) => tryReadKernelFile(join(port, 'vendor'))?.trim() === `0x${vendorId}`,
    );
    return isSwitch && tryReadKernelFile(join(dirname(upper), 'vendor')) !== undefined ? upper : devicePath;
  } catch {
    return devicePath;
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
