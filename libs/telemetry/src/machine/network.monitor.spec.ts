import { describe, expect, it } from '@jest/globals';

import { ManualClock, TempTree } from '#testing';

import { networkMonitor, parseNetDev } from './network.monitor.js';

/** Captured; the wider gaps between the columns are shortened. */
const HEADER = `Inter-| Receive                                       | Transmit
 face |bytes packets errs drop fifo frame compressed multicast|bytes packets errs drop fifo colls carrier
`;
const TABLE = `${HEADER}    lo: 3245 30    0    0    0     0      0         0     3245    30    0    0    0     0  0
enp0s31f6:617019278   20517    0    0    0     0          0         0  1823052   11989    0    0    0     0  0
`;
const line = (name: string, received: number, sent: number): string =>
  `${name.padStart(6)}:${received} 30 0 0 0 0 0 0 ${sent} 30 0 0 0 0 0 0\n`;
const MIB = 1024 * 1024;

describe('parseNetDev', () => {
  it('reads a captured table, with and without a blank behind the colon', () => {
    expect(parseNetDev(TABLE)).toEqual([
      { name: 'lo', received: 3245, sent: 3245 },
      { name: 'enp0s31f6', received: 617019278, sent: 1823052 },
    ]);
  });

  it('keeps an alias, whose name holds a colon, whole', () => {
    expect(parseNetDev(line('eth0:1', 7, 8))).toEqual([{ name: 'eth0:1', received: 7, sent: 8 }]);
  });

  it.each(['', HEADER, 'eth0: 1 2 3', 'eth0: x', '::::'])('finds nothing in %j', (text) => {
    expect(parseNetDev(text)).toEqual([]);
  });
});

describe('networkMonitor', () => {
  async function rates(tree: TempTree, before: string, after: string): Promise<unknown> {
    const clock = new ManualClock();
    const monitor = networkMonitor(`${tree.root}/proc`, `${tree.root}/sys`, clock, 1000);
    tree.write({ 'proc/net/dev': HEADER + before });
    expect(await monitor.read(AbortSignal.timeout(1000))).toEqual({ node: { net_rx_mb_s: null, net_tx_mb_s: null } });
    tree.write({ 'proc/net/dev': HEADER + after });
    clock.advance(2000);
    return monitor.read(AbortSignal.timeout(1000));
  }

  it('counts hardware only: not the bridge over it, not loopback', async () => {
    using tree = new TempTree({ 'sys/class/net/eth0/device/': '', 'sys/class/net/br0/': '', 'sys/class/net/lo/': '' });
    const before = line('eth0', 0, 0) + line('br0', 0, 0) + line('lo', 0, 0);
    const after = line('eth0', 4 * MIB, MIB) + line('br0', 4 * MIB, MIB) + line('lo', 9 * MIB, 9 * MIB);
    expect(await rates(tree, before, after)).toEqual({ node: { net_rx_mb_s: 2, net_tx_mb_s: 0.5 } });
  });

  it('counts what does not look virtual where nothing is hardware, as in a container', async () => {
    using tree = new TempTree();
    const before = line('eth0', 0, 0) + line('veth1a', 0, 0) + line('docker0', 0, 0) + line('lo', 0, 0);
    const after = line('eth0', MIB, MIB) + line('veth1a', MIB, MIB) + line('docker0', MIB, MIB) + line('lo', MIB, MIB);
    expect(await rates(tree, before, after)).toEqual({ node: { net_rx_mb_s: 0.5, net_tx_mb_s: 0.5 } });
  });

  it('knows nothing for one sample when a counter is reset', async () => {
    using tree = new TempTree();
    expect(await rates(tree, line('eth0', 5, 5), line('eth0', 4, 6))).toEqual({
      node: { net_rx_mb_s: null, net_tx_mb_s: 0 },
    });
  });

  it('sees hardware that is plugged in later', async () => {
    using tree = new TempTree({ 'sys/class/net/eth0/device/': '', 'sys/class/net/eth1/device/': '' });
    const after = line('eth0', MIB, 0) + line('eth1', 500 * MIB, 0);
    expect(await rates(tree, line('eth0', 0, 0), after)).toEqual({ node: { net_rx_mb_s: 0.5, net_tx_mb_s: 0 } });
  });
});
