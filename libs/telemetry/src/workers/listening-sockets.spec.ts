import { symlinkSync } from 'node:fs';

import { describe, expect, it } from '@jest/globals';

import { ManualClock, TempTree } from '#testing';

import { type ListeningSocket, ListeningSockets, parseListeningSockets } from './listening-sockets.js';

/** Captured where something listens on port 2024 and a connection to 42341 has ended; columns at the end cut off. */
const TCP = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000:07E8 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1146 1
   1: 0100007F:9E46 0100007F:A565 06 00000000:00000000 03:00000EE0 00000000     0        0 0 3
`;
const TCP6 = `  sl  local_address                         remote_address                        st tx_queue rx_queue
   0: 00000000000000000000000000000000:1F90 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 77 1
`;
const ON_2024: ListeningSocket = { inode: 1146, port: 2024, loopback: '127.0.0.1' };
const ON_8080: ListeningSocket = { inode: 77, port: 8080, loopback: '[::1]' };

describe('parseListeningSockets', () => {
  it('finds listening sockets of either table, and takes no connection for one', () => {
    expect(parseListeningSockets(TCP)).toEqual([ON_2024]);
    expect(parseListeningSockets(TCP6)).toEqual([ON_8080]);
    expect(parseListeningSockets('')).toEqual([]);
  });

  it.each([
    ['00000000', '127.0.0.1'],
    ['0100007F', '127.0.0.1'],
    ['0200A8C0', null],
    ['00000000000000000000000000000000', '[::1]'],
    ['00000000000000000000000001000000', '[::1]'],
    ['0000000000000000FFFF00000100007F', '127.0.0.1'],
    ['000080FE00000000FF005450B6AD1DFE', null],
  ])('knows how to reach %s from the machine itself', (address, loopback) => {
    const line = ` 0: ${address}:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 5 1\n`;
    expect(parseListeningSockets(line)).toEqual([{ inode: 5, port: 8080, loopback }]);
  });
});

describe('ListeningSockets', () => {
  it('reads the tables of a namespace once for all of its processes, and again after 5 s', async () => {
    using tree = new TempTree({ '7/net/tcp': TCP, '7/net/tcp6': TCP6, '7/ns/': '', '8/ns/': '' });
    for (const pid of [7, 8]) symlinkSync('net:[4026531840]', `${tree.root}/${pid}/ns/net`);
    const clock = new ManualClock();
    const sockets = new ListeningSockets(tree.root, clock);
    expect(await sockets.around(7, 0)).toEqual([ON_2024, ON_8080]);
    expect(await sockets.around(8, 0)).toHaveLength(2);
    tree.remove('7/net');
    clock.advance(4_999);
    expect(await sockets.around(7, 0)).toHaveLength(2);
    clock.advance(1);
    expect(await sockets.around(7, 0)).toEqual([]);
  });

  it('does not answer for a process with a table from before it', async () => {
    using tree = new TempTree({ '7/net/tcp': TCP });
    const clock = new ManualClock();
    const sockets = new ListeningSockets(tree.root, clock);
    expect(await sockets.around(7, 0)).toHaveLength(1);
    tree.remove('7/net');
    clock.advance(1);
    expect(await sockets.around(7, 1)).toEqual([]);
  });

  it('keeps namespaces apart, and knows of none that it may not read', async () => {
    using tree = new TempTree({ '7/net/tcp': TCP, '8/net/tcp6': TCP6 });
    const sockets = new ListeningSockets(tree.root, new ManualClock());
    expect(await Promise.all([7, 8, 9].map((pid) => sockets.around(pid, 0)))).toEqual([[ON_2024], [ON_8080], []]);
  });

  it('tells whose they are by the open files', async () => {
    using tree = new TempTree({ '7/fd/': '', '8/fd/': '' });
    symlinkSync('socket:[1146]', `${tree.root}/7/fd/3`);
    symlinkSync('/dev/null', `${tree.root}/7/fd/0`);
    symlinkSync('socket:[99]', `${tree.root}/8/fd/3`);
    const sockets = new ListeningSockets(tree.root, new ManualClock());
    const around = [ON_8080, ON_2024] as const;
    expect(await sockets.of([8, 7], around)).toEqual({ sockets: [ON_2024], areFilesReadable: true });
    expect(await sockets.of([8], around)).toEqual({ sockets: [], areFilesReadable: true });
    expect(await sockets.of([9], around)).toEqual({ sockets: [], areFilesReadable: false });
  });
});
