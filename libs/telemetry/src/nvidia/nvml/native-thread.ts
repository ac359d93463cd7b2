import { setFlagsFromString } from 'node:v8';
import { Worker } from 'node:worker_threads';

import { enterDriver } from '../../driver-calls.js';
import type { CallPlan, PlanMessage } from './call-plan.js';

/** What the thread is started with: the library, and which of its return codes mean what. */
export interface ThreadData {
  readonly library: string;
  /** Stands for the return code of a function that the library doesn't have. */
  readonly missingCode: number;
  /** A call that returns one of these is not made again under the same plan. */
  readonly finalCodes: readonly number[];
  /** Stands for the return code of a call whose condition did not hold. */
  readonly notMadeCode: number;
}

/** What the thread is told to do. */
export interface ThreadMessage {
  /** Left out: the same as last time. */
  readonly plan?: PlanMessage;
  /** A function that puts a return code in words. */
  readonly explain?: { readonly fn: string; readonly code: number };
  readonly last?: boolean;
}

interface Waiting {
  readonly leftDriver: () => void;
  readonly resolve: (answer: unknown) => void;
  readonly reject: (error: unknown) => void;
}

/** It holds one list of calls: with the defaults of Node it would take what the hive itself does. */
const RESOURCE_LIMITS = { maxOldGenerationSizeMb: 16, maxYoungGenerationSizeMb: 1, stackSizeMb: 1 };
/**
 * A new thread puts V8's factor back to 2, for the whole process: the young generation of the hive, which its `main`
 * keeps small with this, would grow to 16 MiB and stay so.
 */
const KEEP_YOUNG_GENERATION = '--semi-space-growth-factor=1';

/**
 * A thread with a native library in it. A call that never returns holds this thread up and nothing else; not even
 * the end of the process waits for it. Any failure is final: the thread is gone, and another one can be started.
 */
export class NativeThread {
  private readonly worker: Worker;
  private readonly exited: Promise<void>;
  private waiting: Waiting | undefined;
  private failure: Error | undefined;
  private sent: CallPlan | undefined;

  constructor(data: ThreadData) {
    this.worker = new Worker(new URL('./native-calls.mjs', import.meta.url), {
      workerData: data,
      resourceLimits: RESOURCE_LIMITS,
      execArgv: [],
    });
    this.worker.unref();
    this.worker.once('online', () => setFlagsFromString(KEEP_YOUNG_GENERATION));
    this.worker.on('message', (answer: unknown) => this.settle(({ resolve }) => resolve(answer)));
    this.worker.on('error', (error: Error) => this.fail(error));
    this.exited = new Promise((resolve) => {
      this.worker.once('exit', () => {
        this.fail(new Error('the thread of the library ended'));
        resolve();
      });
    });
  }

  /** Makes the calls of the plan. One at a time. Rejects where the library can't be loaded. */
  async make(plan: CallPlan): Promise<void> {
    plan.prepare();
    const known = this.sent === plan;
    this.sent = plan;
    await this.ask(known ? {} : { plan: plan.message });
  }

  /** What the library itself says of a return code, by its function `fn`. */
  async explain(fn: string, code: number): Promise<string> {
    return String(await this.ask({ explain: { fn, code } }));
  }

  /** Makes the calls of a last plan and ends. Resolves when the library is out of the process; never rejects. */
  async end(plan: CallPlan): Promise<void> {
    if (this.waiting === undefined) await this.ask({ plan: plan.message, last: true }).catch(() => undefined);
    else await this.worker.terminate();
    await this.exited;
  }

  private ask(message: ThreadMessage): Promise<unknown> {
    const { failure } = this;
    if (failure !== undefined) return Promise.reject(failure);
    return new Promise((resolve, reject) => {
      this.waiting = { resolve, reject, leftDriver: enterDriver() };
      this.worker.postMessage(message);
    });
  }

  private fail(error: Error): void {
    this.failure ??= error;
    this.settle(({ reject }) => reject(error));
  }

  private settle(how: (waiting: Waiting) => void): void {
    const { waiting } = this;
    this.waiting = undefined;
    if (waiting === undefined) return;
    waiting.leftDriver();
    how(waiting);
  }
}
