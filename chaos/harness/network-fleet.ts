import { FleetWatch } from './fleet-watch.js';
import { Network } from './network.js';
import { Portal } from './portal.js';
import { HiveService, QueenService, type ServiceOptions } from './service.js';

const QUEEN_PORT = 7833;
const HIVE_PORT = 7835;

/** A queen and one hive `a`, each on a machine of its own in a made network, and a viewer on the queen's machine. */
export class NetworkFleet implements AsyncDisposable {
  private constructor(
    readonly network: Network,
    readonly queen: QueenService,
    readonly hive: HiveService,
    /** The queen's port as this process reaches it, whatever becomes of the network. */
    readonly portal: Portal,
    readonly watch: FleetWatch,
  ) {}

  /** Both run and the first sample was seen. */
  static async start(hiveArgs: readonly string[] = []): Promise<NetworkFleet> {
    const network = new Network(['queen', 'hive']);
    const fleet = await NetworkFleet.on(network, hiveArgs);
    try {
      await fleet.queen.start();
      await fleet.hive.start();
      await fleet.watch.telemetryAfter('a', 0);
      return fleet;
    } catch (error) {
      await fleet[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Nothing runs yet. */
  static async on(
    network: Network,
    hiveArgs: readonly string[] = [],
    queenEnv: Readonly<Record<string, string>> = {},
  ): Promise<NetworkFleet> {
    const at = network.host('queen');
    const queen = await QueenService.create({
      args: ['--host', '0.0.0.0'],
      env: queenEnv,
      under: at.under,
      port: QUEEN_PORT,
    });
    const options: ServiceOptions = {
      args: ['--host', '0.0.0.0', ...hiveArgs],
      under: network.host('hive').under,
      port: HIVE_PORT,
    };
    const hive = await HiveService.create('a', `http://${at.address}:${QUEEN_PORT}`, options);
    const portal = await Portal.to(at, QUEEN_PORT);
    return new NetworkFleet(network, queen, hive, portal, new FleetWatch(portal.url));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.watch[Symbol.dispose]();
    await this.hive[Symbol.asyncDispose]();
    await this.queen[Symbol.asyncDispose]();
    await this.portal[Symbol.asyncDispose]();
    this.network[Symbol.dispose]();
  }
}
