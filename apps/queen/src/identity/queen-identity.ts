import { randomUUID } from 'node:crypto';

import { Inject, Injectable } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';

import { isLoopback, listeningPort, urlTowards, VERSION } from '#service-kit';

import { QUEEN_CONFIG, type QueenConfig } from '../config/queen-config.js';

/** Who this queen is and where hives reach it. */
@Injectable()
export class QueenIdentity {
  /** Fresh for every start: names this queen's streams, and the epoch of its event ids. */
  readonly queenId = randomUUID();
  readonly version = VERSION;

  constructor(
    @Inject(QUEEN_CONFIG) private readonly config: QueenConfig,
    private readonly adapterHost: HttpAdapterHost,
  ) {}

  /** The port that is listened on; the configured one until then. */
  get port(): number {
    return listeningPort(this.adapterHost) ?? this.config.port;
  }

  /** The URL under which the hive at `hiveUrl` can reach this queen; `undefined` where it can't. */
  async urlFor(hiveUrl: string): Promise<string | undefined> {
    if (this.config.publicUrl !== undefined) return this.config.publicUrl;
    if (isLoopback(this.config.host) && !isLoopback(new URL(hiveUrl).hostname)) return undefined;
    return (await urlTowards(hiveUrl, { host: this.config.host, port: this.port })).url;
  }
}
