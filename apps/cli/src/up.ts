import { setTimeout as sleep } from 'node:timers/promises';

import { describeError, type HiveTelemetryEvent, type SnapshotEvent } from '#contracts';

import { Service } from './service.js';
import { summaryTable } from './summary-table.js';

const HELP = `Starts a queen and a hive on this machine and shows what they see. Ctrl-C stops both.

Usage: apiary up

Settings come from the environment: QUEEN_PORT, HIVE_PORT, … ("apiary queen --help", "apiary hive --help").
`;

/** Time until a service must listen and until telemetry must flow, in ms. */
const PATIENCE_MS = 20_000;
const LOOK_MS = 100;
const EXIT_FAILED = 1;
/** A person's mistake on the command line. */
const EXIT_USAGE = 78;
/** Rates need two samples. */
const TELLING_SEQ = 2;

/** `apiary up`: runs until a signal comes or one of the two services ends. */
export async function up(argv: readonly string[]): Promise<void> {
  if (argv.length > 0) {
    const asked = argv[0] === '--help' || argv[0] === '-h';
    (asked ? process.stdout : process.stderr).write(asked ? HELP : `apiary up: unknown argument ${argv[0] ?? ''}\n`);
    process.exitCode = asked ? 0 : EXIT_USAGE;
    return;
  }
  const services: Service[] = [];
  const failure = await Promise.race([signalled(), run(services).catch((error: unknown) => describeError(error))]);
  if (failure !== undefined) process.stderr.write(`apiary up: ${failure}\n`);
  await Promise.all(services.map((service) => service.stop()));
  process.exit(failure === undefined ? 0 : EXIT_FAILED);
}

/** Starts both, shows what they see, and rejects when one of them ends. */
async function run(services: Service[]): Promise<never> {
  const queen = new Service('queen');
  services.push(queen);
  const queenUrl = await queen.listening(PATIENCE_MS);
  const hive = new Service('hive', { HIVE_QUEEN_URL: queenUrl });
  services.push(hive);
  const hiveUrl = await hive.listening(PATIENCE_MS);
  const telemetry = await firstTelemetry(queenUrl, services);
  process.stdout.write(summaryTable(telemetry, { queenUrl, hiveUrl }));
  throw await Promise.race(services.map((service) => service.ended()));
}

/** Resolves with the first signal that asks for the end. */
function signalled(): Promise<undefined> {
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => resolve(undefined));
  });
}

/** Waits until the queen passes on a sample with rates. Throws when a service ends or patience does. */
async function firstTelemetry(queenUrl: string, services: readonly Service[]): Promise<HiveTelemetryEvent> {
  for (let waitedMs = 0; waitedMs < PATIENCE_MS; waitedMs += LOOK_MS) {
    const ended = services.find(({ exitCode }) => exitCode !== null);
    if (ended !== undefined) throw await ended.ended();
    const response = await fetch(`${queenUrl}/v1/heartbeats`);
    const { hives } = (await response.json()) as SnapshotEvent;
    const telemetry = hives.find((hive) => (hive.telemetry?.seq ?? 0) >= TELLING_SEQ)?.telemetry;
    if (telemetry) return telemetry;
    await sleep(LOOK_MS);
  }
  throw new Error(`no telemetry within ${PATIENCE_MS / 1000} s`);
}
