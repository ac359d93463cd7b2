import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';

import type { LoggerService } from '@nestjs/common';

import type { DiscoveredHost, DiscoveryView } from '#contracts';
import { eventually, type RunningApp, type TempTree } from '#testing';

import { startQueen } from './queen-under-test.js';

/** A queen that reads `config` of the tree at once and then not for a day, unless `flags` or a change say otherwise. */
export const startDiscovery = (
  tree: TempTree,
  flags: readonly string[] = [],
  log: LoggerService | false = false,
): Promise<RunningApp> => {
  const day = String(24 * 60 * 60 * 1000);
  const mine = ['--ssh-config', join(tree.root, 'config'), '--discovery-delay-ms', '0', '--discovery-interval-ms', day];
  return startQueen([...mine, ...flags], log);
};

/** What the queen says of its look for hives. */
export async function discoveryOf({ url }: RunningApp): Promise<DiscoveryView> {
  return (await (await fetch(`${url}/v1/discovery`)).json()) as DiscoveryView;
}

/** The report, once it is as wanted. */
export function reportThat(
  queen: RunningApp,
  what: string,
  wanted: (report: DiscoveryView) => boolean,
  deadlineMs?: number,
): Promise<DiscoveryView> {
  const look = async (): Promise<DiscoveryView | false> => {
    const report = await discoveryOf(queen);
    return wanted(report) && report;
  };
  return eventually(what, look, deadlineMs);
}

/** The report of a look that has ended. */
export function reportOf(queen: RunningApp, deadlineMs?: number): Promise<DiscoveryView> {
  const hasEnded = ({ last_scan_at, next_scan_at }: DiscoveryView): boolean =>
    last_scan_at !== null && next_scan_at !== null;
  return reportThat(queen, 'the end of a look', hasEnded, deadlineMs);
}

/** One host of a report. */
export function hostOf(report: DiscoveryView, alias: string): DiscoveredHost {
  const host = report.hosts.find((candidate) => candidate.alias === alias);
  if (host === undefined) throw new Error(`no ${alias} in ${JSON.stringify(report)}`);
  return host;
}

/** Something that listens and is no hive. */
export async function startServer(answer: RequestListener, host = '127.0.0.1') {
  const server = createServer(answer).listen(0, host);
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    [Symbol.asyncDispose]: async (): Promise<void> => {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}
