import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';

import { TempTree } from '#testing';

import { drivenCards, isAsleep, maySleep } from './runtime-status.js';

describe('the power state of a card', () => {
  let sys: TempTree;

  beforeEach(() => {
    sys = new TempTree();
  });
  afterEach(() => sys[Symbol.dispose]());

  const status = (address: string, text: string): void =>
    sys.write({ [`bus/pci/devices/${address}/power/runtime_status`]: text });

  it.each([
    ['suspended\n', true],
    ['suspending\n', true],
    ['active\n', false],
    ['resuming\n', false],
    ['unsupported\n', false],
    ['error\n', false],
    ['', false],
  ])('takes %j for asleep: %s', (text, asleep) => {
    status('0000:1b:00.0', text);
    expect(isAsleep(sys.root, '00000000:1B:00.0')).toBe(asleep);
  });

  it('knows how the kernel spells an address', () => {
    status('0000:0a:00.0', 'suspended\n');
    status('10000:01:00.0', 'suspended\n');
    expect(isAsleep(sys.root, '00000000:0A:00.0')).toBe(true);
    expect(isAsleep(sys.root, '0000:0a:00.0')).toBe(true);
    expect(isAsleep(sys.root, '00010000:01:00.0')).toBe(true);
    expect(isAsleep(sys.root, '00000000:01:00.0')).toBe(false);
  });

  it.each([
    ['auto\n', '1200\n', true],
    ['auto\n', '0\n', false],
    ['on\n', '1200\n', false],
    ['', '', false],
  ])('takes %j and %j ms asleep for a card that may sleep: %s', (control, slept, may) => {
    const power = 'bus/pci/devices/0000:1b:00.0/power';
    sys.write({ [`${power}/control`]: control, [`${power}/runtime_suspended_time`]: slept });
    expect(maySleep(sys.root, '00000000:1B:00.0')).toBe(may);
  });

  it('lists the cards of the driver, and nothing else that is in its folder', () => {
    expect(drivenCards(sys.root)).toEqual([]);
    sys.write({
      'bus/pci/drivers/nvidia/0000:d1:00.0/': '',
      'bus/pci/drivers/nvidia/0000:1b:00.0/': '',
      'bus/pci/drivers/nvidia/bind': '',
      'bus/pci/drivers/nvidia/module/': '',
    });
    expect(drivenCards(sys.root)).toEqual(['00000000:1B:00.0', '00000000:D1:00.0']);
  });
});
