import { describe, expect, it } from '@jest/globals';

import { parseApps } from './smi-apps.js';

const A = '00000000:0A:00.0';

describe('parseApps', () => {
  it('lists the processes of each card, also one whose memory the driver does not tell', () => {
    expect([...parseApps(`7, 100, ${A}\n8, [N/A], ${A}\n7, 5, 00000000:0b:00.0\n`)]).toEqual([
      [
        A,
        [
          { pid: 7, vram_mb: 100, sm_util_pct: null },
          { pid: 8, vram_mb: null, sm_util_pct: null },
        ],
      ],
      ['00000000:0B:00.0', [{ pid: 7, vram_mb: 5, sm_util_pct: null }]],
    ]);
  });

  it('takes an empty answer for no processes, and so the words for it', () => {
    expect(parseApps('').size).toBe(0);
    expect(parseApps('No running processes found\n').size).toBe(0);
  });

  it('knows no list of a card of which the driver names no process, whatever else it says of it', () => {
    const nameless = `[Not Supported], [Not Supported], ${A}\n`;
    expect(parseApps(nameless).get(A)).toBeNull();
    expect(parseApps(`7, 1, ${A}\n${nameless}8, 1, ${A}\n`).get(A)).toBeNull();
  });

  it('refuses an answer with a line that is no process', () => {
    expect(() => parseApps(`7, 1, ${A}\n8, 1, 0000`)).toThrow('nvidia-smi told of no process: 8, 1, 0000');
  });
});
