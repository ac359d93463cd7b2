import type { LoggerService } from '@nestjs/common';

// What a peer calls itself ends up in log lines: it must not move the cursor, recolour or forge a line.
// eslint-disable-next-line no-control-regex
const CONTROL_CHARACTERS = /[\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]/g;

/** Nest's own news at start: which module and which route it found. */
const NOISE = new Set(['InstanceLoader', 'RoutesResolver', 'RouterExplorer', 'NestFactory', 'NestApplication']);

/** One line per message on stderr; stdout belongs to the line that says where the service listens. */
export class Log implements LoggerService {
  constructor(private readonly service: string) {}

  log(message: unknown, context?: string): void {
    if (context === undefined || !NOISE.has(context)) this.write('info', message, context);
  }

  warn(message: unknown, context?: string): void {
    this.write('warn', message, context);
  }

  /** Nest hands over the stack before the context, where there is one. */
  error(message: unknown, ...more: readonly unknown[]): void {
    const context = more.at(-1);
    this.write('error', message, typeof context === 'string' ? context : undefined);
    const stack = more.length > 1 ? more[0] : undefined;
    if (typeof stack === 'string') process.stderr.write(`${stack}\n`);
  }

  private write(level: string, message: unknown, context: string | undefined): void {
    const source = context === undefined ? this.service : `${this.service} ${context}`;
    const text = (message instanceof Error ? message.message : String(message)).replace(CONTROL_CHARACTERS, '?');
    process.stderr.write(`${new Date().toISOString()} ${level.padEnd(5)} [${source}] ${text}\n`);
  }
}
