import os from 'node:os';

import type { Systeminformation } from 'systeminformation';

import type { Clock } from '#service-kit';

import type { Contribution, Monitor } from '../monitor.js';
import { CounterRate, MIB, round } from '../rate.js';
import { PLAUSIBLE_INTERFACE } from './network.monitor.js';

/** What `systeminformation` is asked; never its `graphics`, which blocks the process while the driver answers. */
export interface MachineSource {
  currentLoad(): Promise<Systeminformation.CurrentLoadData>;
  mem(): Promise<Systeminformation.MemData>;
  networkStats(interfaces: string): Promise<Systeminformation.NetworkStatsData[]>;
  /** `null` where the platform has none, as Windows. */
  fsStats(): Promise<Systeminformation.FsStatsData | null>;
  time(): Systeminformation.TimeData;
}

/** It starts processes on some platforms, which is slow. */
const BUDGET_MS = 5000;

/**
 * The whole machine at once where there is no `/proc`. On Linux the monitors beside this one read the same for a
 * fraction of the cost, and more. `load` is asked for the library at the first reading, so that Linux never loads it.
 */
export function portableMachineMonitor(
  clock: Clock,
  load: () => Promise<MachineSource> = () => import('systeminformation'),
): Monitor {
  const rates = {
    received: new CounterRate(),
    sent: new CounterRate(),
    read: new CounterRate(),
    written: new CounterRate(),
  };
  let isFirst = true;
  return {
    name: 'machine',
    budgetMs: BUDGET_MS,
    async read(): Promise<Contribution> {
      const source = await load();
      const [cpu, memory, network, disk] = await Promise.all([
        source.currentLoad(),
        source.mem(),
        source.networkStats('*'),
        source.fsStats(),
      ]);
      const atMs = clock.monotonicMs();
      const links = network.filter(({ iface }) => PLAUSIBLE_INTERFACE.test(iface));
      // Its first answer is the average since boot.
      const cpu_pct = isFirst ? null : round(cpu.currentLoad, 1);
      isFirst = false;
      return {
        node: {
          cpu_pct,
          cpu_count: os.cpus().length,
          // Windows has none and Node says 0 there.
          load_1m: process.platform === 'win32' ? null : round(os.loadavg()[0] ?? NaN, 2),
          ram_used_mb: mib(memory.total - memory.available),
          ram_total_mb: mib(memory.total),
          swap_used_mb: mib(memory.swapused),
          swap_total_mb: mib(memory.swaptotal),
          uptime_s: source.time().uptime,
          net_rx_mb_s: rates.received.mibPerSecond(new Map(links.map((link) => [link.iface, link.rx_bytes])), atMs),
          net_tx_mb_s: rates.sent.mibPerSecond(new Map(links.map((link) => [link.iface, link.tx_bytes])), atMs),
          disk_r_mb_s: rates.read.mibPerSecond(disk && new Map([['all', disk.rx]]), atMs),
          disk_w_mb_s: rates.written.mibPerSecond(disk && new Map([['all', disk.wx]]), atMs),
        },
      };
    },
  };
}

const mib = (bytes: number): number => round(bytes / MIB, 1);
