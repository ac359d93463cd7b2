/**
 * What came of looking for a hive on a host of the SSH configuration.
 *
 * - `hive`: it answered and is in the fleet. `live`: its stream is being read already, so it was left alone.
 * - `no_answer`: nothing listens there, or says nothing in time. `not_a_hive`: something answers that is no hive.
 * - `unresolvable`: its name has no address. `refused`: it can't be dialled as it stands, or its hive can't be taken in.
 * - `duplicate`: the same address and port as the host in `same_as`. `ignored`: a comment in the file says so.
 * - `pending`: not looked at yet.
 */
export const DISCOVERY_OUTCOMES = [
  'hive',
  'live',
  'no_answer',
  'not_a_hive',
  'unresolvable',
  'refused',
  'duplicate',
  'ignored',
  'pending',
] as const;
export type DiscoveryOutcome = (typeof DISCOVERY_OUTCOMES)[number];

/** `none`: there is no such file, which is no error. `pending`: it was not read yet. */
export const SSH_CONFIG_STATUSES = ['pending', 'none', 'ok', 'unreadable'] as const;
export type SshConfigStatus = (typeof SSH_CONFIG_STATUSES)[number];

/** One concrete host of the SSH configuration, and what is known of it. */
export interface DiscoveredHost {
  /** The name that a person types. */
  readonly alias: string;
  /** What it stands for by the rules of the configuration. */
  readonly host_name: string;
  /** The address that is dialled; `null` until the name is resolved. */
  readonly address: string | null;
  readonly port: number;
  /** The origin that is dialled; `null` until the name is resolved. */
  readonly url: string | null;
  /** `file:line` where it is first named. */
  readonly source: string;
  /** The alias of the host with the same address and port, which is asked in its stead; `null` if there is none. */
  readonly same_as: string | null;
  readonly outcome: DiscoveryOutcome;
  readonly hive_id: string | null;
  /** Why, in one sentence; `null` where the outcome says it all. */
  readonly detail: string | null;
  /** When it was last asked, by the queen's clock; `null` if it never was. */
  readonly tried_at: string | null;
  /** How long that took; `null` if it was never asked. */
  readonly took_ms: number | null;
}

/** The answer of `GET /v1/discovery`. */
export interface DiscoveryView {
  /** The file that is read first. */
  readonly ssh_config: string;
  readonly status: SshConfigStatus;
  /** Every file that was read, in the order of reading. */
  readonly files: readonly string[];
  /** What in those files is wrong or was left out, one sentence each. */
  readonly warnings: readonly string[];
  /** When the latest look began; `null` before the first. */
  readonly last_scan_at: string | null;
  /** When the next look is due; `null` while one goes on. */
  readonly next_scan_at: string | null;
  /** In the order in which the configuration names them. */
  readonly hosts: readonly DiscoveredHost[];
}
