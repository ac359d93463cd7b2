import { join } from 'node:path';

import type { Clock } from '#service-kit';

import { kernelNumber, nodeMonitor, readKernelFile } from '../kernel-files.js';
import type { Monitor } from '../monitor.js';
import { CounterRate } from '../rate.js';
import { PhysicalDevices } from './physical-devices.js';

/** Not loopback, and none of the names that container, tunnel and system software gives to what it makes. */
export const PLAUSIBLE_INTERFACE =
  /^(?!(lo\d*$|veth|docker|br-|bridge|virbr|ifb|dummy|u?tun|tap|wg|cni|cali|flannel|cilium|lxc|awdl|llw))/;

/** Counters of one interface since it appeared. */
export interface InterfaceBytes {
  readonly name: string;
  readonly received: number;
  readonly sent: number;
}

/** What the physical interfaces received and sent. */
export function networkMonitor(procRoot: string, sysRoot: string, clock: Clock, budgetMs: number): Monitor {
  const devices = new PhysicalDevices(join(sysRoot, 'class/net'), PLAUSIBLE_INTERFACE);
  const [received, sent] = [new CounterRate(), new CounterRate()];
  return nodeMonitor('network', budgetMs, () => {
    const interfaces = parseNetDev(readKernelFile(join(procRoot, 'net/dev')));
    const atMs = clock.monotonicMs();
    const physical = devices.of(interfaces.map(({ name }) => name));
    const counted = interfaces.filter(({ name }) => physical.has(name));
    return {
      net_rx_mb_s: received.mibPerSecond(new Map(counted.map((line) => [line.name, line.received])), atMs),
      net_tx_mb_s: sent.mibPerSecond(new Map(counted.map((line) => [line.name, line.sent])), atMs),
    };
  });
}

/** A line that can't be read is left out. Old kernels leave no blank between the colon and the first number. */
export function parseNetDev(text: string): InterfaceBytes[] {
  return text.split('\n').flatMap((line) => {
    const [, name, counters] = /^\s*(\S+):\s*(\d.*)$/.exec(line) ?? [];
    const fields = counters?.split(/\s+/).map(kernelNumber);
    const [received, sent] = [fields?.[0], fields?.[8]];
    if (name === undefined || typeof received !== 'number' || typeof sent !== 'number') return [];
    return [{ name, received, sent }];
  });
}
