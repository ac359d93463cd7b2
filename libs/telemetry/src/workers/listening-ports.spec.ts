import { symlinkSync } from 'node:fs';

import { describe, expect, it } from '@jest/globals';

import { ManualClock, TempTree } from '#testing';

import { ListeningPorts, parseListeningPorts } from './listening-ports.js';

/** Captured where something listens on port 2024 and a connection to 42341 has ended; columns at the end cut off. */
const TCP = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000:07E8 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1146 1
   1: 0100007F:9E46 0100007F:A565 06 00000000:00000000 03:00000EE0 00000000     0        0 0 3
`;
const TCP6 = `  sl  local_address                         remote_address                        st tx_queue rx_queue
   0: 00000000000000000000000000000000:1F90 00000000000000000000000000000000:0000 0A 00000000:00000000
`;

describe('parseListeningPorts', () => {
  it('finds listening sockets of either table, and takes no connection for one', () => {
    expect(parseListeningPorts(TCP)).toEqual([2024]);
    expect(parseListeningPorts(TCP6)).toEqual([8080]);
    expect(parseListeningPorts('')).toEqual([]);
  });
});

describe('ListeningPorts', () => {
  it('reads the tables of a namespace once for all of its processes, and again after 5 s', async () => {
    using tree = new TempTree({ '7/net/tcp': TCP, '7/net/tcp6': TCP6, '7/ns/': '', '8/ns/': '' });
    for (const pid of [7, 8]) symlinkSync('net:[4026531840]', `${tree.root}/${pid}/ns/net`);
    const clock = new ManualClock();
    const ports = new ListeningPorts(tree.root, clock);
    expect(await ports.has(7, 2024, 0)).toBe(true);
    expect([await ports.has(8, 8080, 0), await ports.has(8, 42341, 0)]).toEqual([true, false]);
    tree.remove('7/net');
    clock.advance(4_999);
    expect(await ports.has(7, 2024, 0)).toBe(true);
    clock.advance(1);
    expect(await ports.has(7, 2024, 0)).toBe(false);
  });

  it('does not answer for a process with a table from before it', async () => {
    using tree = new TempTree({ '7/net/tcp': TCP });
    const clock = new ManualClock();
    const ports = new ListeningPorts(tree.root, clock);
    expect(await ports.has(7, 2024, 0)).toBe(true);
    tree.remove('7/net');
    clock.advance(1);
    expect(await ports.has(7, 2024, 1)).toBe(false);
  });

  it('keeps namespaces apart, and knows of none that it may not read', async () => {
    using tree = new TempTree({ '7/net/tcp': TCP, '8/net/tcp6': TCP6 });
    const ports = new ListeningPorts(tree.root, new ManualClock());
    expect([await ports.has(7, 2024, 0), await ports.has(8, 2024, 0), await ports.has(9, 2024, 0)]).toEqual([
      true,
      false,
      false,
    ]);
  });
});
