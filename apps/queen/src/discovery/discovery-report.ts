import { Inject, Injectable } from '@nestjs/common';

import type { DiscoveredHost, DiscoveryOutcome, DiscoveryView, SshConfigStatus } from '#contracts';
import { Clock } from '#service-kit';

import { QUEEN_CONFIG, type QueenConfig } from '../config/queen-config.js';
import type { ScanTarget } from './scan-targets.js';

/** What a look at a host can change in the report. */
export type Finding = Partial<Pick<DiscoveredHost, Findable>>;
type Findable = 'address' | 'url' | 'same_as' | 'outcome' | 'hive_id' | 'detail' | 'tried_at' | 'took_ms';

const IN_VAIN: ReadonlySet<DiscoveryOutcome> = new Set(['no_answer', 'not_a_hive', 'unresolvable']);
/** Outcomes of having been asked: they stand until the host is asked again. */
const ASKED: ReadonlySet<DiscoveryOutcome> = new Set(['hive', 'live', 'no_answer', 'not_a_hive']);

/** What was read. */
export interface Reading {
  readonly status: SshConfigStatus;
  readonly files: readonly string[];
  readonly warnings: readonly string[];
}

/** What discovery has found so far: behind `GET /v1/discovery`. */
@Injectable()
export class DiscoveryReport {
  private reading: Reading = { status: 'pending', files: [], warnings: [] };
  private hosts = new Map<string, DiscoveredHost>();
  private lastScanAt: string | null = null;
  private nextScanAt: string | null = null;

  constructor(
    @Inject(QUEEN_CONFIG) private readonly config: QueenConfig,
    @Inject(Clock) private readonly clock: Clock,
  ) {}

  /** A look begins. */
  begin(): void {
    this.lastScanAt = this.clock.timestamp();
    this.nextScanAt = null;
  }

  /** The next look is due in so many ms. */
  schedule(inMs: number): void {
    this.nextScanAt = new Date(this.clock.nowMs() + inMs).toISOString();
  }

  /** Takes over what was read. A host that is where it was keeps what is known of it until it is looked at again. */
  read(reading: Reading, targets: readonly ScanTarget[]): void {
    this.reading = reading;
    this.hosts = new Map(targets.map((target) => [target.alias, this.known(target) ?? fresh(target)]));
  }

  note(alias: string, finding: Finding): void {
    const host = this.hosts.get(alias);
    if (host !== undefined) this.hosts.set(alias, { ...host, ...finding });
  }

  /** A host is where its name leads and waits for being asked. */
  locate(alias: string, address: string, url: string): void {
    const outcome = this.hosts.get(alias)?.outcome ?? 'pending';
    const stands = ASKED.has(outcome) ? {} : ({ outcome: 'pending', detail: null } as const);
    this.note(alias, { address, url, same_as: null, ...stands });
  }

  /** Whether nothing came of the host the last time: such hosts are looked at after the others. */
  wasInVain(alias: string): boolean {
    const sameAs = this.hosts.get(alias)?.same_as ?? alias;
    return IN_VAIN.has(this.hosts.get(sameAs)?.outcome ?? 'pending');
  }

  view(): DiscoveryView {
    return {
      ssh_config: this.config.sshConfig,
      ...this.reading,
      last_scan_at: this.lastScanAt,
      next_scan_at: this.nextScanAt,
      hosts: [...this.hosts.values()],
    };
  }

  private known({ alias, hostName, port, source }: ScanTarget): DiscoveredHost | undefined {
    const host = this.hosts.get(alias);
    return host?.host_name === hostName && host.port === port ? { ...host, source } : undefined;
  }
}

const fresh = ({ alias, hostName, port, source }: ScanTarget): DiscoveredHost => ({
  alias,
  host_name: hostName,
  address: null,
  port,
  url: null,
  source,
  same_as: null,
  outcome: 'pending',
  hive_id: null,
  detail: null,
  tried_at: null,
  took_ms: null,
});
