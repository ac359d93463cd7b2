import { userInfo } from 'node:os';
import { setImmediate } from 'node:timers/promises';

import { originFault } from '#contracts';
import { urlHost } from '#service-kit';

import { HOSTS_MAX } from './limits.js';
import { sshAliases, type SshHost, sshHost } from './ssh-hosts.js';
import type { SshFile } from './ssh-statement.js';

/** A host of the SSH configuration as it is looked for. */
export interface ScanTarget extends SshHost {
  /** That of a comment, or the one that the queen is set to. */
  readonly port: number;
  /** `file:line` of its first mention. */
  readonly source: string;
}

/** The hosts of a configuration, at most `HOSTS_MAX`; `complete` says whether that is all of them. */
export async function scanTargets(
  file: SshFile,
  hivePort: number,
): Promise<{ readonly targets: readonly ScanTarget[]; readonly complete: boolean }> {
  const targets: ScanTarget[] = [];
  const user = localUser();
  for (const { alias, source } of sshAliases(file)) {
    if (targets.length >= HOSTS_MAX) return { targets, complete: false };
    // Each host takes a walk through the whole configuration: other work gets its turn between two.
    await setImmediate();
    const host = sshHost(file, alias, user);
    const port = host.port ?? hivePort;
    targets.push({ ...host, port, source, fault: host.fault ?? urlFault(host.hostName, port) });
  }
  return { targets, complete: true };
}

function urlFault(hostName: string, port: number): string | undefined {
  const fault = originFault(`http://${urlHost(hostName)}:${port}`);
  return fault === undefined ? undefined : `its URL ${fault}`;
}

/** A container may run as a user that has no name. */
function localUser(): string {
  try {
    return userInfo().username;
  } catch {
    return '';
  }
}
