import type { GpuObservation } from './monitor.js';

/** Sorts by PCI address, over all vendors; a GPU without one comes last. */
export const inPciOrder = (gpus: readonly GpuObservation[]): GpuObservation[] =>
  [...gpus].sort((a, b) => pciOrder(a.pci_bus_id) - pciOrder(b.pci_bus_id));

/** One spelling for all back ends, "00000000:0A:00.0": the kernel writes four digits of the domain, NVML eight. */
export function pciAddress(address: string | null | undefined): string | null {
  const [, domain = '', rest = ''] = /^([\da-f]{4,8}):([\da-f]{2}:[\da-f]{2}\.[\da-f])$/i.exec(address ?? '') ?? [];
  return rest === '' ? null : `${domain.padStart(8, '0')}:${rest}`.toUpperCase();
}

function pciOrder(address: string | null): number {
  const [, ...parts] = /^([\da-f]+):([\da-f]+):([\da-f]+)\.([\da-f]+)$/i.exec(address ?? '') ?? [];
  return parts.length === 0
    ? Number.MAX_SAFE_INTEGER
    : parts.reduce((order, part) => order * 256 + parseInt(part, 16), 0);
}
