import { Inject, Injectable, Logger, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import type { Subscription } from 'rxjs';

import { describeError, type RememberedHive } from '#contracts';

import { QUEEN_CONFIG, type QueenConfig } from '../config/queen-config.js';
import { DirectoryFile } from './directory-file.js';
import type { HiveEndpoint } from '../endpoint/hive-endpoint.js';
import { HiveDirectory } from './hive-directory.js';

/** Keeps the directory across restarts: hives that were known are dialled at once, and shown when they are gone. */
@Injectable()
export class DirectoryMemory implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly log = new Logger(DirectoryMemory.name);
  private readonly file: DirectoryFile;
  private changes: Subscription | undefined;
  private complained = false;

  constructor(
    @Inject(QUEEN_CONFIG) config: QueenConfig,
    private readonly directory: HiveDirectory,
  ) {
    this.file = new DirectoryFile(config.stateDir, (sentence) => this.complain(sentence));
  }

  async onApplicationBootstrap(): Promise<void> {
    await this.file.sweep();
    for (const hive of await this.remembered()) this.directory.admit(endpointOf(hive));
    this.changes = this.directory.changes$.subscribe(({ kind }) => {
      if (kind === 'added' || kind === 'replaced' || kind === 'removed') this.file.write(this.snapshot());
    });
  }

  async onModuleDestroy(): Promise<void> {
    this.changes?.unsubscribe();
    await this.file.flush();
  }

  private async remembered(): Promise<readonly RememberedHive[]> {
    try {
      return await this.file.read();
    } catch (error) {
      this.log.warn(describeError(error));
      return [];
    }
  }

  private snapshot(): readonly RememberedHive[] {
    return this.directory.endpoints().map(({ hiveId, url, bootId, version, intervalMs }) => ({
      hive_id: hiveId,
      hive_url: url,
      boot_id: bootId,
      version,
      interval_ms: intervalMs,
    }));
  }

  /** A full disk stays full: it is said once. */
  private complain(sentence: string): void {
    if (!this.complained) this.log.warn(sentence);
    this.complained = true;
  }
}

const endpointOf = ({ hive_id, hive_url, boot_id, version, interval_ms }: RememberedHive): HiveEndpoint => ({
  hiveId: hive_id,
  url: hive_url,
  foundBy: 'state-file',
  bootId: boot_id,
  version,
  intervalMs: interval_ms,
  devices: null,
});
