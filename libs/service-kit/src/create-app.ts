import 'reflect-metadata';

import type { DynamicModule, LoggerService } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';

import { limits } from '#contracts';

import { ErrorFilter } from './error-filter.js';
import { type AppInfo, serveDocs } from './serve-docs.js';

/** Time that a client has for its headers and for its whole request, in ms. */
const HEADERS_TIMEOUT_MS = 5_000;
const REQUEST_TIMEOUT_MS = 15_000;

/** A Nest app with all that both services share: JSON errors, body limit, docs, clean shutdown. */
export async function createApp(
  root: DynamicModule,
  info: AppInfo,
  logger: LoggerService | false,
): Promise<NestExpressApplication> {
  const app = await NestFactory.create<NestExpressApplication>(root, {
    logger,
    bodyParser: false,
    // Without it close() waits for the streams of clients that reconnect for ever.
    forceCloseConnections: true,
    abortOnError: false,
  });
  app.useBodyParser('json', { limit: limits.BODY_BYTES_MAX });
  app.disable('x-powered-by');
  app.useGlobalFilters(new ErrorFilter());
  const server = app.getHttpServer();
  server.headersTimeout = HEADERS_TIMEOUT_MS;
  server.requestTimeout = REQUEST_TIMEOUT_MS;
  serveDocs(app, info);
  return app;
}
