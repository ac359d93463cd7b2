import { describe, expect, it } from '@jest/globals';

import { inPciOrder, pciAddress } from './gpu-order.js';
import { unknownGpu } from './unknown-gpu.js';

describe('inPciOrder', () => {
  it('orders PCI addresses as numbers; a GPU without one comes last', () => {
    const addresses = ['00000000:0A:00.0', null, '00000001:02:00.0', '00000000:09:00.0'];
    const gpus = addresses.map((pci_bus_id) => unknownGpu({ vendor: 'NVIDIA', source: 'nvml', pci_bus_id }));
    expect(inPciOrder(gpus).map((gpu) => gpu.pci_bus_id)).toEqual([
      '00000000:09:00.0',
      '00000000:0A:00.0',
      '00000001:02:00.0',
      null,
    ]);
  });
});

describe('pciAddress', () => {
  it.each([
    ['0000:0a:00.0', '00000000:0A:00.0'],
    ['00000000:0A:00.0', '00000000:0A:00.0'],
    ['', null],
    [null, null],
    ['PCI:1', null],
  ])('writes %j as %j', (address, expected) => {
    expect(pciAddress(address)).toBe(expected);
  });
});
