import type { NestExpressApplication } from '@nestjs/platform-express';

import { ApiaryError, describeError } from '#contracts';

/** A process ends with this code when a setting makes no sense; a service manager must not restart it. */
const EXIT_CONFIG = 78;
/** After a signal the process is gone within this time, whatever still hangs, in ms. */
const SHUTDOWN_MS = 1_500;
/**
 * How long the system's resolver may take for one name: its threads can't be interrupted, not even by the end of the
 * process, and there are only four. Whoever dials tries again anyway.
 */
const RESOLVER_OPTIONS = 'timeout:1 attempts:1';
/** What `listen()` fails with when the address is the fault of the settings. */
const ADDRESS_FAULTS = new Set(['EADDRINUSE', 'EACCES', 'EADDRNOTAVAIL', 'ENOTFOUND', 'EAI_AGAIN']);

/** A service as its `main.ts` describes it. */
export interface Service<C> {
  readonly name: string;
  /** The text of `--help`. */
  readonly help: string;
  /** Reads the settings; throws `CONFIG_INVALID`. */
  readonly load: (argv: readonly string[]) => C;
  readonly create: (config: C) => Promise<NestExpressApplication>;
}

/** Runs a service for the life of the process: settings, listening line, signals, exit code. */
export async function runService<C extends { readonly host: string; readonly port: number }>(
  service: Service<C>,
  argv: readonly string[] = process.argv.slice(2),
): Promise<void> {
  if (argv.includes('--help') || argv.includes('-h')) {
    process.stdout.write(service.help);
    return;
  }
  process.env['RES_OPTIONS'] ??= RESOLVER_OPTIONS;
  try {
    const config = service.load(argv);
    const app = await service.create(config);
    endOnSignal(app);
    await listen(app, config);
    process.stdout.write(`${service.name} listening on ${urlOf(app, config.host)}\n`);
  } catch (error) {
    if (!(error instanceof ApiaryError)) throw error;
    process.stderr.write(`${service.name}: ${error.message}\n`);
    process.exit(EXIT_CONFIG);
  }
}

async function listen(app: NestExpressApplication, { host, port }: { host: string; port: number }): Promise<void> {
  try {
    await app.listen(port, host);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === undefined || !ADDRESS_FAULTS.has(code)) throw error;
    const why = code === 'EADDRINUSE' ? 'the port is in use' : describeError(error);
    throw new ApiaryError('CONFIG_INVALID', `can't listen on ${host}:${port}: ${why}`, undefined, { cause: error });
  }
}

function urlOf(app: NestExpressApplication, host: string): string {
  const address = app.getHttpServer().address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
}

/** Ends cleanly on the first SIGTERM or SIGINT; more of them change nothing. */
function endOnSignal(app: NestExpressApplication): void {
  const end = (): void => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.removeListener(signal, end).on(signal, () => {});
    setTimeout(() => process.exit(0), SHUTDOWN_MS).unref();
    void app.close().finally(() => process.exit(0));
  };
  process.on('SIGTERM', end).on('SIGINT', end);
}
