import type { HttpAdapterHost } from '@nestjs/core';

/** The port that the app listens on; `undefined` before it does. */
export function listeningPort({ httpAdapter }: HttpAdapterHost): number | undefined {
  const server = httpAdapter.getHttpServer() as { address(): { port: number } | null };
  return server.address()?.port;
}
