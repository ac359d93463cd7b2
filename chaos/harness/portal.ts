import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import type { NetworkHost } from './network.js';

const SCRIPT = fileURLToPath(new URL('./far-end.mjs', import.meta.url));

/** A port of the loopback here whose connections go on from a host of a made network. */
export class Portal implements AsyncDisposable {
  private readonly folder = mkdtempSync(join(tmpdir(), 'apiary-portal-'));
  private readonly path = join(this.folder, 'socket');
  private readonly child: ChildProcess;
  private readonly sockets = new Set<Socket>();
  private readonly server: Server;

  private constructor({ under }: NetworkHost, port: number, address: string) {
    const [program, ...words] = [...under, process.execPath, SCRIPT, this.path, address, String(port)];
    this.child = spawn(program, words, { stdio: ['ignore', 'pipe', 'inherit'] });
    this.server = createServer((outside) => this.carry(outside));
  }

  /** To a port of the host itself or of another one; stays open whatever happens to the process that listens there. */
  static async to(host: NetworkHost, port: number, address = '127.0.0.1'): Promise<Portal> {
    const portal = new Portal(host, port, address);
    if (portal.child.stdout !== null) await once(portal.child.stdout, 'data');
    portal.server.listen(0, '127.0.0.1');
    await once(portal.server, 'listening');
    return portal;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.server.close();
    for (const socket of this.sockets) socket.destroy();
    if (this.child.exitCode === null && this.child.signalCode === null) {
      this.child.kill('SIGKILL');
      await once(this.child, 'close');
    }
    rmSync(this.folder, { recursive: true, force: true });
  }

  private carry(outside: Socket): void {
    const inside = connect(this.path);
    for (const [socket, other] of [
      [outside, inside],
      [inside, outside],
    ] as const) {
      this.sockets.add(socket);
      socket.on('error', () => other.destroy());
      socket.on('close', () => {
        this.sockets.delete(socket);
        other.destroy();
      });
    }
    outside.pipe(inside).pipe(outside);
  }
}
