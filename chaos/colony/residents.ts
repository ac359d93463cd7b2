import { FakeHive } from '#testing';

import { type HOSTILE, misbehaving } from '../harness/hostile.js';
import { HiveService } from '../harness/service.js';
import { ToxicProxy } from '../harness/toxic-proxy.js';

/** How often a hive without a reader looks for its queen, in ms. */
const CALL_MS = 3_000;

/** A hive process of the colony; some are reached through a path that can be hurt. */
export class RealResident implements AsyncDisposable {
  private constructor(
    readonly hive: HiveService,
    readonly path: ToxicProxy | undefined,
  ) {}

  /** Listens already. `behindProxy`: the queen reaches it over a toxic path, and it can't move. */
  static async start(hiveId: string, queenUrl: string, behindProxy: boolean): Promise<RealResident> {
    if (!behindProxy) return new RealResident(await HiveService.start(hiveId, queenUrl), undefined);
    const path = await ToxicProxy.start('http://127.0.0.1:1');
    const hive = await HiveService.start(hiveId, queenUrl, { args: ['--public-url', path.url] });
    path.aimAt(hive.url);
    return new RealResident(hive, path);
  }

  get hiveId(): string {
    return this.hive.hiveId;
  }

  /** What the queen dials. */
  get url(): string {
    return this.path?.url ?? this.hive.url;
  }

  /** Ends whatever was done to it. */
  async heal(): Promise<void> {
    this.path?.heal();
    if (this.hive.running) this.hive.process.thaw();
    else await this.hive.start();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.hive[Symbol.asyncDispose]();
    await this.path?.[Symbol.asyncDispose]();
  }
}

/** A fake hive of the colony, which can be made to misbehave in every way; calls while nobody reads it. */
export class FakeResident implements AsyncDisposable {
  private readonly timer: ReturnType<typeof setInterval>;

  private constructor(
    readonly fake: FakeHive,
    private readonly queenUrl: string,
  ) {
    this.timer = setInterval(() => void this.callIfUnread(), CALL_MS);
  }

  /** Streams every second and has called once. */
  static async start(hiveId: string, queenUrl: string): Promise<FakeResident> {
    const resident = new FakeResident(await FakeHive.start({ hiveId, intervalMs: 1_000 }), queenUrl);
    await resident.callIfUnread();
    return resident;
  }

  get hiveId(): string {
    return this.fake.hiveId;
  }

  get url(): string {
    return this.fake.url;
  }

  /** Misbehaves from now on, also towards those that read it already. */
  turnBad(kind: keyof typeof HOSTILE): void {
    this.fake.misbehave = misbehaving(kind, this.hiveId);
    this.fake.endStreams();
  }

  heal(): Promise<void> {
    this.fake.misbehave = undefined;
    return Promise.resolve();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.timer);
    await this.fake[Symbol.asyncDispose]();
  }

  private async callIfUnread(): Promise<void> {
    if (this.fake.openStreams > 0) return;
    // No queen may be there just now; the next call comes.
    await this.fake.announceTo(this.queenUrl).catch(() => undefined);
  }
}

/** Any hive of the colony. */
export type Resident = RealResident | FakeResident;
