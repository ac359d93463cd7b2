import { FleetWatch } from './fleet-watch.js';
import { HiveService, QueenService } from './service.js';

/** A queen, one hive `a` and a viewer that has seen its first sample. */
export class Pair implements AsyncDisposable {
  private constructor(
    readonly queen: QueenService,
    readonly hive: HiveService,
    readonly watch: FleetWatch,
  ) {}

  static async start(): Promise<Pair> {
    const queen = await QueenService.start();
    const pair = new Pair(queen, await HiveService.create('a', queen.url), new FleetWatch(queen.url));
    try {
      await pair.hive.start();
      await pair.watch.telemetryAfter('a', 0);
      return pair;
    } catch (error) {
      await pair[Symbol.asyncDispose]();
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.watch[Symbol.dispose]();
    await this.hive[Symbol.asyncDispose]();
    await this.queen[Symbol.asyncDispose]();
  }
}
