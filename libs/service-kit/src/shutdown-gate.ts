import { Injectable, type OnModuleDestroy } from '@nestjs/common';
import { ReplaySubject } from 'rxjs';

/** Time for the farewell to reach the sockets before they are closed, in ms. */
const CLOSING_FLUSH_MS = 50;

/** Knows that the process is about to end. Streams end here: a later hook would wait for them for ever. */
@Injectable()
export class ShutdownGate implements OnModuleDestroy {
  private readonly closing = new ReplaySubject<void>(1);

  /** Fires once; who subscribes after that hears it at once. */
  readonly closing$ = this.closing.asObservable();

  async onModuleDestroy(): Promise<void> {
    this.closing.next();
    this.closing.complete();
    await new Promise((resolve) => setTimeout(resolve, CLOSING_FLUSH_MS));
  }
}
