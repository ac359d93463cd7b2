import { Inject, Injectable } from '@nestjs/common';
import { BehaviorSubject, distinctUntilChanged, map, Observable, Subject } from 'rxjs';

import { Clock } from '#service-kit';

/** Which queens are reading the stream right now. A queen names itself on its request; others are not counted. */
@Injectable()
export class QueenReaders {
  private readonly streams = new Map<string, Subject<void>>();
  private readonly count$ = new BehaviorSubject(0);
  private lastReadMs = Number.NEGATIVE_INFINITY;

  /** Whether any queen is reading, now and on every change. */
  readonly reading$ = this.count$.pipe(
    map((count) => count > 0),
    distinctUntilChanged(),
  );

  constructor(@Inject(Clock) private readonly clock: Clock) {}

  get reading(): boolean {
    return this.streams.size > 0;
  }

  /** Time since a queen last read, in ms: 0 while one does. */
  get unreadForMs(): number {
    return this.reading ? 0 : this.clock.monotonicMs() - this.lastReadMs;
  }

  /**
   * Counts the stream of one queen for as long as the result is subscribed to. It fires and completes when the same
   * queen opens another stream: the old one is then a leftover of a connection that died unnoticed.
   */
  track(queenId: string): Observable<void> {
    return new Observable((subscriber) => {
      this.streams.get(queenId)?.next();
      const replaced = new Subject<void>();
      this.streams.set(queenId, replaced);
      this.publish();
      const inner = replaced.subscribe(subscriber);
      return () => {
        inner.unsubscribe();
        if (this.streams.get(queenId) === replaced) this.streams.delete(queenId);
        this.publish();
      };
    });
  }

  private publish(): void {
    this.lastReadMs = this.clock.monotonicMs();
    this.count$.next(this.streams.size);
  }
}
