import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';

import { Inject, Injectable, Logger } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';

import { listeningPort, urlTowards, VERSION } from '#service-kit';

import { HIVE_CONFIG, type HiveConfig } from '../config/hive-config.js';

/** Who this hive is and where it is reached. */
@Injectable()
export class HiveIdentity {
  readonly hiveId: string;
  /** Fresh for every start of the process. */
  readonly bootId = randomUUID();
  readonly hostname = hostname();
  readonly version = VERSION;

  private readonly log = new Logger(HiveIdentity.name);
  private chosenUrl: string | undefined;

  constructor(
    @Inject(HIVE_CONFIG) private readonly config: HiveConfig,
    private readonly adapterHost: HttpAdapterHost,
  ) {
    this.hiveId = config.hiveId;
  }

  /** The port that is listened on; the configured one until then. */
  get port(): number {
    return listeningPort(this.adapterHost) ?? this.config.port;
  }

  /** Where a queen reaches this hive, as far as is known now. */
  get url(): string {
    return this.config.publicUrl ?? this.chosenUrl ?? `http://127.0.0.1:${this.port}`;
  }

  /** Works out the URL that `queenUrl` can reach, and says in the log which one was chosen and why. */
  async urlTowards(queenUrl: string | undefined): Promise<string> {
    if (this.config.publicUrl !== undefined) return this.config.publicUrl;
    const { url, because } = await urlTowards(queenUrl, { host: this.config.host, port: this.port });
    if (url !== this.chosenUrl) this.log.log(`queens reach this hive at ${url}: ${because}`);
    this.chosenUrl = url;
    return url;
  }
}
