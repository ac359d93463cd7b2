import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

const LISTEN = `require('node:net').createServer().listen({ port: 0, host: '0.0.0.0', backlog: 1 }, function () {
  console.log(this.address().port);
})`;
/** A connection that takes longer than this on the loopback interface is not taken at all, in ms. */
const REFUSED_MS = 300;
/** More than a queue of length one ever holds. */
const CONNECTIONS_MAX = 16;

/**
 * A port that swallows what is sent to it, as a firewall does, on every address of this machine: the process behind it
 * stands still and its queue is full. Nothing leaves the machine.
 */
export class BlackHole implements AsyncDisposable {
  private readonly fill: Socket[] = [];

  private constructor(
    private readonly child: ChildProcess,
    readonly port: number,
  ) {}

  static async open(): Promise<BlackHole> {
    const child = spawn(process.execPath, ['-e', LISTEN], { stdio: ['ignore', 'pipe', 'inherit'] });
    const [line] = (await once(child.stdout, 'data')) as [Buffer];
    const hole = new BlackHole(child, Number(line.toString()));
    child.kill('SIGSTOP');
    while (await hole.takesAnother()) if (hole.fill.length > CONNECTIONS_MAX) throw new Error('its queue has no end');
    return hole;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = once(this.child, 'exit');
    this.child.kill('SIGKILL');
    for (const socket of this.fill) socket.destroy();
    await ended;
  }

  private async takesAnother(): Promise<boolean> {
    const socket = connect(this.port, '127.0.0.1').on('error', () => undefined);
    this.fill.push(socket);
    return new Promise((resolve) => {
      const timer = setTimeout(() => resolve(false), REFUSED_MS);
      socket.once('connect', () => {
        clearTimeout(timer);
        resolve(true);
      });
    });
  }
}
