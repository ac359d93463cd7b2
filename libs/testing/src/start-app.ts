import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';

import type { INestApplication } from '@nestjs/common';

/** A Nest app that listens on a free port of the loopback address. */
export interface RunningApp extends AsyncDisposable {
  readonly url: string;
  readonly app: INestApplication;
}

/** Starts an app for one test: `await using queen = await startApp(() => createQueen(config, false))`. */
export async function startApp(create: () => Promise<INestApplication>): Promise<RunningApp> {
  const app = await create();
  await app.listen(0, '127.0.0.1');
  const { port } = (app.getHttpServer() as Server).address() as AddressInfo;
  return { app, url: `http://127.0.0.1:${port}`, [Symbol.asyncDispose]: () => app.close() };
}
