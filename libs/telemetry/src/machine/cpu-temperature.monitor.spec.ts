import { describe, expect, it } from '@jest/globals';

import { TempTree } from '#testing';

import { cpuTemperatureMonitor, hottestC } from './cpu-temperature.monitor.js';

async function read(files: Record<string, string>): Promise<unknown> {
  using tree = new TempTree(files);
  const reading = await cpuTemperatureMonitor(tree.root, 1000).read(AbortSignal.timeout(1000));
  return reading === 'absent' ? reading : reading.node?.cpu_temp_c;
}

describe('cpuTemperatureMonitor', () => {
  it('takes the hottest package of an Intel machine, not a core and not the disk', async () => {
    const chip = (index: number, milliC: string): Record<string, string> => ({
      [`class/hwmon/hwmon${index}/name`]: 'coretemp\n',
      [`class/hwmon/hwmon${index}/temp1_label`]: `Package id ${index}\n`,
      [`class/hwmon/hwmon${index}/temp1_input`]: `${milliC}\n`,
      [`class/hwmon/hwmon${index}/temp2_label`]: 'Core 0\n',
      [`class/hwmon/hwmon${index}/temp2_input`]: '99000\n',
    });
    const disk = { 'class/hwmon/hwmon9/name': 'nvme\n', 'class/hwmon/hwmon9/temp1_input': '70000\n' };
    expect(await read({ ...chip(0, '54000'), ...chip(1, '61500'), ...disk })).toBe(61.5);
  });

  it('takes the control temperature of an AMD machine', async () => {
    const label = { 'class/hwmon/hwmon3/temp1_label': 'Tctl\n', 'class/hwmon/hwmon3/temp1_input': '48375\n' };
    expect(await read({ 'class/hwmon/hwmon3/name': 'k10temp\n', ...label })).toBe(48.4);
  });

  it('falls back on the thermal zone of the CPU', async () => {
    const board = { 'class/thermal/thermal_zone0/type': 'acpitz\n', 'class/thermal/thermal_zone0/temp': '27800\n' };
    expect(
      await read({
        ...board,
        'class/thermal/thermal_zone1/type': 'cpu-thermal\n',
        'class/thermal/thermal_zone1/temp': '45000\n',
      }),
    ).toBe(45);
    expect(await read(board)).toBe('absent');
  });

  it('is absent without a sensor', async () => {
    expect(await read({})).toBe('absent');
  });
});

describe('hottestC', () => {
  it('does not know a temperature from what is no number', () => {
    expect(hottestC(['', 'N/A'])).toBeNull();
    expect(hottestC(['', '-5000\n'])).toBe(-5);
  });
});
