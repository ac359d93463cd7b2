import { Inject, Injectable, Logger, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { filter, firstValueFrom, merge, type Observable, race, Subject, switchMap, timer } from 'rxjs';

import type { ReadyRequest } from '#contracts';
import { Clock } from '#service-kit';

import { HIVE_CONFIG, type HiveConfig } from '../config/hive-config.js';
import { HiveIdentity } from '../identity/hive-identity.js';
import { QueenReaders } from '../readers/queen-readers.js';
import { announceDelayMs, UNREAD_MS } from './announce-delay.js';
import { type ReadyOutcome, sendReady } from './send-ready.js';

/**
 * Asks for ever: is a queen reading my stream? If none is and one is known, it calls the queen's ready endpoint until
 * a queen reads. While one reads, it sends nothing.
 */
@Injectable()
export class QueenAnnouncer implements OnModuleInit, OnModuleDestroy {
  private readonly log = new Logger(QueenAnnouncer.name);
  private readonly adopted = new Subject<void>();
  private readonly abort = new AbortController();
  private queenUrl: string | undefined;
  private pressing = true;
  private lastComplaint = '';

  constructor(
    @Inject(HIVE_CONFIG) private readonly config: HiveConfig,
    @Inject(Clock) private readonly clock: Clock,
    private readonly adapterHost: HttpAdapterHost,
    private readonly identity: HiveIdentity,
    private readonly readers: QueenReaders,
  ) {
    this.queenUrl = config.queenUrl;
  }

  /** The queen that this hive announces itself to. */
  get queen(): string | undefined {
    return this.queenUrl;
  }

  /** Announces to this queen from now on: at once if it is another than before or if no queen is reading. */
  adopt(queenUrl: string): void {
    if (queenUrl === this.queenUrl && this.readers.reading) return;
    if (queenUrl !== this.queenUrl) this.log.log(`adopted the queen at ${queenUrl}`);
    this.queenUrl = queenUrl;
    this.pressing = true;
    this.adopted.next();
  }

  onModuleInit(): void {
    this.adapterHost.listen$.subscribe(() => void this.run());
  }

  onModuleDestroy(): void {
    this.abort.abort();
    this.adopted.complete();
  }

  private async run(): Promise<void> {
    while (!this.abort.signal.aborted) {
      await this.untilUnread();
      this.pressing = false;
      if (this.queenUrl === undefined) await this.untilAdopted();
      else await this.announceUntilRead(this.queenUrl);
    }
  }

  /** One episode: until a queen reads, or until another is adopted. */
  private async announceUntilRead(queenUrl: string): Promise<void> {
    for (let attempt = 0; this.isStillWanted(queenUrl); attempt++) {
      const outcome = await sendReady(queenUrl, await this.readyRequest(queenUrl), this.abort.signal);
      this.report(queenUrl, outcome);
      if (!this.isStillWanted(queenUrl)) return;
      await this.untilReadOrAdopted(announceDelayMs(attempt, outcome));
      if (this.readers.reading) return;
    }
  }

  private isStillWanted(queenUrl: string): boolean {
    return !this.abort.signal.aborted && !this.pressing && this.queenUrl === queenUrl;
  }

  private async readyRequest(queenUrl: string): Promise<ReadyRequest> {
    const { hiveId, bootId, version } = this.identity;
    const hive_url = await this.identity.urlTowards(queenUrl);
    return { hive_id: hiveId, hive_url, boot_id: bootId, version, interval_ms: this.config.intervalMs };
  }

  private report(queenUrl: string, outcome: ReadyOutcome): void {
    if (outcome.kind === 'acknowledged') {
      const { subscription, last_error } = outcome.answer;
      if (subscription === 'unreachable') {
        this.complain(`${queenUrl} knows this hive but can't read it: ${last_error ?? 'no reason given'}`);
      } else {
        this.lastComplaint = '';
        this.log.log(`${queenUrl} knows this hive`);
      }
    } else if (outcome.kind === 'refused') {
      this.complain(`${queenUrl} refused this hive: ${outcome.reason}`, 'error');
    } else {
      this.complain(`${queenUrl} does not answer yet: ${outcome.reason}`);
    }
  }

  /** The same complaint is logged once, however often it is met. */
  private complain(complaint: string, level: 'warn' | 'error' = 'warn'): void {
    if (complaint === this.lastComplaint) return;
    this.lastComplaint = complaint;
    this.log[level](complaint);
  }

  private async untilAdopted(): Promise<void> {
    await firstValueFrom(this.adopted, { defaultValue: undefined });
  }

  /** Waits until no queen has read for `UNREAD_MS`; at the start and for a new queen not at all. */
  private async untilUnread(): Promise<void> {
    while (!this.pressing && !this.abort.signal.aborted && this.readers.unreadForMs < UNREAD_MS) {
      await this.first(
        this.readers.reading$.pipe(
          filter((reading) => !reading),
          switchMap(() => timer(UNREAD_MS - this.readers.unreadForMs, this.clock.scheduler)),
        ),
      );
    }
  }

  private async untilReadOrAdopted(delayMs: number): Promise<void> {
    const read$ = this.readers.reading$.pipe(filter((reading) => reading));
    await this.first(merge(read$, timer(delayMs, this.clock.scheduler)));
  }

  /** The first value, or an adoption, or the end of the process, whichever comes first. */
  private async first(wanted$: Observable<unknown>): Promise<void> {
    await firstValueFrom(race(wanted$, this.adopted), { defaultValue: undefined });
  }
}
