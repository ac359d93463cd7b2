import { describe, expect, it } from '@jest/globals';

import { amdgpuFdinfo, i915Fdinfo, xeFdinfo } from '#testing';

import { parseFdinfo } from './fdinfo.js';

const made = (lines: Record<string, string>): string =>
  Object.entries({ 'drm-driver': 'xe', 'drm-client-id': '4', ...lines })
    .map(([key, value]) => `${key}:\t${value}`)
    .join('\n');
const vram = (lines: Record<string, string>): number | null | undefined => parseFdinfo(made(lines))?.vramBytes;

describe('parseFdinfo', () => {
  it('reads amdgpu, whose unused engines are left out and are zero', () => {
    expect(parseFdinfo(amdgpuFdinfo(17, 4096, { gfx: 900, dec: 5 }))).toEqual({
      driver: 'amdgpu',
      clientId: '17',
      vramBytes: 4096 * 1024,
      engines: new Map([
        ['gfx', { busy: 900, total: null, capacity: 1 }],
        ['compute', { busy: 0, total: null, capacity: 1 }],
      ]),
    });
  });

  it('reads i915: what is resident in local memory, and engines with their number', () => {
    const fdinfo = parseFdinfo(i915Fdinfo(3, 512, 100, 200));
    expect(fdinfo?.vramBytes).toBe(512 * 1024 * 1024);
    expect(fdinfo?.engines).toEqual(
      new Map([
        ['compute', { busy: 200, total: null, capacity: 4 }],
        ['render', { busy: 100, total: null, capacity: 1 }],
      ]),
    );
  });

  it('reads xe, which counts cycles', () => {
    const fdinfo = parseFdinfo(xeFdinfo(3, 23_992, 500, 7_655_183_225));
    expect(fdinfo?.vramBytes).toBe(23_992 * 1024);
    expect(fdinfo?.engines.get('ccs')).toEqual({ busy: 500, total: 7_655_183_225, capacity: 1 });
  });

  it('takes sizes in bytes, KiB and MiB, and adds up the memory of several tiles', () => {
    expect(vram({ 'drm-resident-vram0': '2048' })).toBe(2048);
    expect(vram({ 'drm-resident-vram0': '3 MiB', 'drm-resident-vram1': '1 KiB' })).toBe(3 * 1024 ** 2 + 1024);
    expect(vram({ 'drm-total-vram0': '8 KiB', 'drm-resident-vram0': '4 KiB' })).toBe(4096);
    expect(vram({ 'drm-memory-vram': '1 KiB' })).toBe(1024);
  });

  it.each([['-5 KiB'], ['7 GiB'], ['many'], [''], ['99999999999999999999']])('does not know the size %j', (size) => {
    expect(vram({ 'drm-resident-vram0': size })).toBeNull();
  });

  it('is no card without a driver and a client, or in the files of others', () => {
    expect(parseFdinfo('pos:\t0\nflags:\t0100002\n')).toBeNull();
    expect(parseFdinfo('')).toBeNull();
    expect(parseFdinfo('drm-driver:\tamdgpu\n')).toBeNull();
  });

  it('leaves out an engine with a capacity of zero', () => {
    const none = made({ 'drm-engine-rcs': '5 ns', 'drm-engine-capacity-rcs': '0' });
    expect(parseFdinfo(none)?.engines.size).toBe(0);
  });
});
