import { describe, expect, it } from '@jest/globals';

import { smiCard, smiQuery, type SmiRow } from './smi-columns.js';
import { SmiSets } from './smi-sets.js';

const NAMES = ['index', 'count', 'memory.used', 'name'];
const query = smiQuery(new Set()).filter(([, name]) => NAMES.includes(name));

function sets(): { sets: SmiSets; noise: string[] } {
  const noise: string[] = [];
  return { sets: new SmiSets(query, (line) => noise.push(line)), noise };
}

const indexes = (rows: readonly SmiRow[] | undefined): string[] | undefined => rows?.map(({ index }) => index);

describe('SmiSets', () => {
  it('gives a tick as soon as it has a row for every card, however the pipe cuts it', () => {
    const { sets: whole } = sets();
    for (const character of '0, 2, 10, A card\n1, 2, 20, A c') expect(whole.push(character)).toBeUndefined();
    expect(whole.push('ard\n')).toEqual([
      { index: '0', count: '2', used: '10', name: 'A card' },
      { index: '1', count: '2', used: '20', name: 'A card' },
    ]);
  });

  it('takes commas for part of the name, which is the only text that may hold them', () => {
    expect(sets().sets.push('0, 1, 10, Card, red, 2 fans\n')).toMatchObject([
      { used: '10', name: 'Card, red, 2 fans' },
    ]);
  });

  it('gives the newest of several ticks that came at once', () => {
    expect(sets().sets.push('0, 1, 10, A\n0, 1, 11, A\n0, 1, 12, A\n0, 1, 1')).toMatchObject([{ used: '12' }]);
  });

  it('gives the cards that have told something once the next tick begins, where one has not', () => {
    const { sets: some, noise } = sets();
    const lost = 'Unable to determine the device handle for GPU0000:0B:00.0: GPU is lost.';
    expect(some.push(`0, 3, 10, A\n${lost}\n2, 3, 10, C\n`)).toBeUndefined();
    expect(indexes(some.push('0, 3, 10, A\n'))).toEqual(['0', '2']);
    expect(noise).toEqual([lost]);
  });

  it('goes on with another number of cards', () => {
    const { sets: changing } = sets();
    expect(indexes(changing.push('0, 2, 1, A\n1, 2, 1, B\n'))).toEqual(['0', '1']);
    expect(indexes(changing.push('0, 1, 1, A\n'))).toEqual(['0']);
    expect(indexes(changing.push('0, 3, 1, A\n1, 3, 1, B\n2, 3, 1, C\n'))).toEqual(['0', '1', '2']);
  });

  it('takes half a row, an empty line and an endless one for no row, and keeps none of them', () => {
    const { sets: odd, noise } = sets();
    expect(odd.push('0, 1\n\n')).toBeUndefined();
    for (let part = 0; part < 1_000; part++) expect(odd.push('x'.repeat(1_000))).toBeUndefined();
    expect(odd.push('\n0, 1, 5, A\r\n')).toMatchObject([{ used: '5', name: 'A' }]);
    expect(noise).toEqual(['0, 1']);
  });
});

describe('smiCard', () => {
  it.each(['[N/A]', 'N/A', '[Not Supported]', '[Unknown Error]', '[Insufficient Permissions]', 'ERR!', ''])(
    'takes %j for unknown',
    (nothing) => {
      const card = smiCard({ index: '0', name: nothing, used: nothing, throttle: nothing, mig: nothing, fan: nothing });
      const unknown = { name: null, vram_used_mb: null, throttle_reasons: null, mig_mode: null, fan_pct: null };
      expect(card).toMatchObject({ ...unknown, state: 'ok' });
    },
  );

  it('takes a card for lost where the driver says so', () => {
    expect(smiCard({ index: '0', temp: '[GPU is lost]' })).toMatchObject({ temp_c: null, state: 'lost' });
  });

  it('names what holds the clocks down, but not that it is idle', () => {
    const reasons = (throttle: string): unknown => smiCard({ index: '0', throttle }).throttle_reasons;
    expect(reasons('0x0000000000000001')).toEqual([]);
    expect(reasons('0x00000000000001FE')).toEqual([
      'applications_clocks_setting',
      'sw_power_cap',
      'hw_slowdown',
      'hw_thermal_slowdown',
      'hw_power_brake_slowdown',
      'sync_boost',
      'sw_thermal_slowdown',
      'display_clocks_setting',
    ]);
  });
});
