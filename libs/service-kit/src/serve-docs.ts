import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import type { NextFunction, Request, RequestHandler, Response } from 'express';

import { loadSwagger } from './api-docs.js';
import { ErrorFilter } from './error-filter.js';

/** What an app says of itself in its OpenAPI document. */
export interface AppInfo {
  readonly title: string;
  readonly description: string;
  readonly version: string;
}

const DOCS_PATH = /^\/docs(-json|-yaml)?(\/|$)/;

@Module({})
class DocsModule {}

/** Serves the Swagger UI at `/docs` and the document at `/docs-json`; both are made at the first request for them. */
export function serveDocs(app: NestExpressApplication, info: AppInfo): void {
  let docs: Promise<RequestHandler> | undefined;
  app.use((request: Request, response: Response, next: NextFunction) => {
    if (DOCS_PATH.test(request.path)) {
      docs ??= createDocs(app, info);
      docs.then((handle) => handle(request, response, next)).catch(next);
    } else {
      next();
    }
  });
}

/** An app of its own, which listens nowhere: the other's routes are closed once it has started. */
async function createDocs(
  documented: NestExpressApplication,
  { title, description, version }: AppInfo,
): Promise<RequestHandler> {
  const { DocumentBuilder, SwaggerModule } = await loadSwagger();
  const config = new DocumentBuilder().setTitle(title).setDescription(description).setVersion(version).build();
  const docs = await NestFactory.create<NestExpressApplication>(DocsModule, { logger: false, abortOnError: false });
  docs.disable('x-powered-by');
  docs.useGlobalFilters(new ErrorFilter());
  SwaggerModule.setup('docs', docs, SwaggerModule.createDocument(documented, config), { jsonDocumentUrl: 'docs-json' });
  await docs.init();
  return docs.getHttpAdapter().getInstance() as RequestHandler;
}
