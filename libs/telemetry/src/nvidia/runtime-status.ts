import { join } from 'node:path';

import { pciAddress } from '../gpu-order.js';
import { kernelNumber, tryList, tryReadKernelFile } from '../kernel-files.js';

/** More than any machine has. */
const CARDS_MAX = 256;

/**
 * Whether the kernel has switched the card off to save power: any question to its driver would wake it, so it must
 * not be asked. `false` for a card that the kernel doesn't know by this address.
 */
export function isAsleep(sysRoot: string, address: string): boolean {
  const path = join(sysRoot, 'bus/pci/devices', kernelSpelling(address), 'power/runtime_status');
  return /^suspend(ed|ing)\n?$/.test(tryReadKernelFile(path) ?? '');
}

/**
 * Whether the kernel may switch the card off when nobody holds it open, and has done so before: many a card is allowed
 * to sleep whose driver never lets it.
 */
export function maySleep(sysRoot: string, address: string): boolean {
  const power = join(sysRoot, 'bus/pci/devices', kernelSpelling(address), 'power');
  const sleptMs = kernelNumber(tryReadKernelFile(join(power, 'runtime_suspended_time'))?.trim());
  return tryReadKernelFile(join(power, 'control'))?.trim() === 'auto' && (sleptMs ?? 0) > 0;
}

/** The cards that NVIDIA's kernel driver holds, awake or not; none where the machine has no PCI bus, as under WSL. */
export function drivenCards(sysRoot: string): readonly string[] {
  return tryList(join(sysRoot, 'bus/pci/drivers/nvidia'))
    .map((name) => pciAddress(name))
    .filter((address) => address !== null)
    .sort()
    .slice(0, CARDS_MAX);
}

/** "00000000:0A:00.0" is "0000:0a:00.0" in `/sys`: lower case, and the domain in at least four digits. */
function kernelSpelling(address: string): string {
  return address.replace(/^0+(?=[\da-f]{4,}:)/i, '').toLowerCase();
}
