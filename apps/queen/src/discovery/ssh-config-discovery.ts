import { setMaxListeners } from 'node:events';

import { Inject, Injectable, Logger, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { auditTime, defer, type Observable, of, race, repeat, share, Subscription, switchMap, tap, timer } from 'rxjs';

import { describeError } from '#contracts';
import { Clock } from '#service-kit';

import { QUEEN_CONFIG, type QueenConfig } from '../config/queen-config.js';
import { DiscoveryReport } from './discovery-report.js';
import { DiscoveryScan } from './discovery-scan.js';
import { FolderWatch } from './folder-watch.js';
import { HostAddresses } from './host-addresses.js';
import { HostAsker } from './host-asker.js';
import { ASKED_AT_ONCE_MAX, HOSTS_MAX } from './limits.js';
import { scanTargets } from './scan-targets.js';
import { readSshConfig, type SshConfigFiles } from './ssh-config-files.js';

/** Time from a change of a file to the look at it, in ms: an editor changes a file several times to save it once. */
const SETTLE_MS = 500;
/** Most readings of one look. */
const READINGS_MAX = 3;

/**
 * Looks for hives on the hosts of the SSH client configuration: some time after the start, then again and again, and
 * whenever a file of it changes. One look at a time; a change during one is followed by another.
 */
@Injectable()
export class SshConfigDiscovery implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly log = new Logger(SshConfigDiscovery.name);
  private readonly abort = new AbortController();
  private readonly folders = new FolderWatch();
  private readonly addresses = new HostAddresses();
  private readonly loop = new Subscription();
  private readonly settled$: Observable<unknown>;
  /** Whether a file changed since the latest look began. */
  private isOutdated = false;
  /** The warnings of the latest look; only what is new is logged. */
  private warned: ReadonlySet<string> = new Set();

  constructor(
    @Inject(QUEEN_CONFIG) private readonly config: QueenConfig,
    @Inject(Clock) private readonly clock: Clock,
    private readonly report: DiscoveryReport,
    private readonly asker: HostAsker,
  ) {
    this.settled$ = this.folders.changes$.pipe(
      auditTime(SETTLE_MS, clock.scheduler),
      tap(() => (this.isOutdated = true)),
      share(),
    );
  }

  onApplicationBootstrap(): void {
    // Each question that is open listens to it, and the look itself.
    setMaxListeners(ASKED_AT_ONCE_MAX + 1, this.abort.signal);
    const { discoveryDelayMs } = this.config;
    this.report.schedule(discoveryDelayMs);
    this.loop.add(this.settled$.subscribe());
    this.loop.add(
      timer(discoveryDelayMs, this.clock.scheduler)
        .pipe(switchMap(() => defer(() => this.look()).pipe(repeat({ delay: () => this.untilNext() }))))
        .subscribe(),
    );
  }

  onModuleDestroy(): void {
    this.abort.abort();
    this.loop.unsubscribe();
    this.folders[Symbol.dispose]();
  }

  private untilNext(): Observable<unknown> {
    if (this.isOutdated) return of(true);
    const { discoveryIntervalMs } = this.config;
    this.report.schedule(discoveryIntervalMs);
    return race(this.settled$, timer(discoveryIntervalMs, this.clock.scheduler));
  }

  /** Never rejects: the loop goes on whatever happens. */
  private async look(): Promise<void> {
    this.isOutdated = false;
    this.report.begin();
    try {
      const targets = await this.read();
      if (this.abort.signal.aborted) return;
      await new DiscoveryScan(this.report, this.addresses, this.asker, this.abort.signal).run(targets);
    } catch (error) {
      this.log.error(`the look for hives failed: ${describeError(error)}`);
    }
  }

  private async read() {
    const { status, root, files, warnings } = await this.readWatched();
    const { targets, complete } = await scanTargets(root, this.config.hivePort);
    const all = complete ? warnings : [...warnings, `only the first ${HOSTS_MAX} hosts are looked at`];
    for (const warning of all) if (!this.warned.has(warning)) this.log.warn(`SSH configuration: ${warning}`);
    this.warned = new Set(all);
    this.report.read({ status, files, warnings: all }, targets);
    return targets;
  }

  /** Reads again where a watch came after the reading, so that no change falls between the two. */
  private async readWatched(): Promise<SshConfigFiles> {
    let files = await readSshConfig(this.config.sshConfig);
    for (let round = 1; (await this.folders.follow(files.interests)) && round < READINGS_MAX; round++) {
      files = await readSshConfig(this.config.sshConfig);
    }
    return files;
  }
}
