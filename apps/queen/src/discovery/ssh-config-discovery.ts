import { readFile } from 'node:fs/promises';

import { Inject, Injectable, Logger, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { exhaustMap, from, mergeMap, type Subscription, timer } from 'rxjs';

import { describeError, originFault } from '#contracts';
import { Clock } from '#service-kit';

import { QUEEN_CONFIG, type QueenConfig } from '../config/queen-config.js';
import { HiveDirectory } from '../directory/hive-directory.js';
import { QueenIdentity } from '../identity/queen-identity.js';
import { askHive } from './ask-hive.js';
import { sshHosts } from './ssh-hosts.js';

/** Hosts that are asked at the same time. */
const PARALLEL_MAX = 16;

/** Looks for hives on the hosts of the SSH client configuration: some time after the start, and again and again. */
@Injectable()
export class SshConfigDiscovery implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly log = new Logger(SshConfigDiscovery.name);
  private readonly abort = new AbortController();
  private loop: Subscription | undefined;
  private complained = false;

  constructor(
    @Inject(QUEEN_CONFIG) private readonly config: QueenConfig,
    @Inject(Clock) private readonly clock: Clock,
    private readonly directory: HiveDirectory,
    private readonly identity: QueenIdentity,
  ) {}

  onApplicationBootstrap(): void {
    const { discoveryDelayMs, discoveryIntervalMs } = this.config;
    this.loop = timer(discoveryDelayMs, discoveryIntervalMs, this.clock.scheduler)
      .pipe(exhaustMap(() => from(this.hiveUrls()).pipe(mergeMap((urls) => this.askAll(urls)))))
      .subscribe();
  }

  onModuleDestroy(): void {
    this.abort.abort();
    this.loop?.unsubscribe();
  }

  /** Where hives may be; hosts whose hive is being read already are left alone. */
  private async hiveUrls(): Promise<readonly string[]> {
    const urls = sshHosts(await this.readSshConfig()).map(({ hostName }) => this.hiveUrlOf(hostName));
    const dialable = urls.filter((url) => originFault(url) === undefined).map((url) => new URL(url).origin);
    return [...new Set(dialable)].filter((url) => this.directory.liveAt(url) === undefined);
  }

  private hiveUrlOf(hostName: string): string {
    return `http://${hostName.includes(':') ? `[${hostName}]` : hostName}:${this.config.hivePort}`;
  }

  private async readSshConfig(): Promise<string> {
    try {
      return await readFile(this.config.sshConfig, 'utf8');
    } catch (error) {
      // Not to have one is no error.
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT' && !this.complained) {
        this.complained = true;
        this.log.warn(`${this.config.sshConfig} can't be read: ${describeError(error)}`);
      }
      return '';
    }
  }

  private askAll(urls: readonly string[]) {
    return from(urls).pipe(mergeMap((url) => from(this.ask(url)), PARALLEL_MAX));
  }

  private async ask(url: string): Promise<void> {
    try {
      const { hive_id, boot_id, version, interval_ms, devices } = await askHive(
        url,
        await this.identity.urlFor(url),
        this.abort.signal,
      );
      this.directory.admit({
        hiveId: hive_id,
        url,
        foundBy: 'ssh-config',
        bootId: boot_id,
        version,
        intervalMs: interval_ms,
        devices,
      });
    } catch (error) {
      this.log.debug(`no hive at ${url}: ${describeError(error)}`);
    }
  }
}
