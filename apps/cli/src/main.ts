#!/usr/bin/env node
import { VERSION } from '#service-kit';

import { up } from './up.js';

const HELP = `Apiary: live telemetry for fleets of GPU machines

Usage: apiary <command> [--flag value]…

  queen    start the hub: finds hives and serves one merged stream
  hive     start the agent: streams the telemetry of this machine
  up       start both on this machine and show what they see

Each of queen and hive has --help; up takes their settings from the environment.
`;

/** A person's mistake on the command line, as for any wrong setting. */
const EXIT_USAGE = 78;

const [command, ...argv] = process.argv.slice(2);

switch (command) {
  case 'queen':
  case 'hive':
    process.argv.splice(2, 1);
    await import(new URL(`../../${command}/src/main.js`, import.meta.url).href);
    break;
  case 'up':
    await up(argv);
    break;
  case '--version':
    process.stdout.write(`${VERSION}\n`);
    break;
  case undefined:
  case 'help':
  case '-h':
  case '--help':
    process.stdout.write(HELP);
    break;
  default:
    process.stderr.write(`apiary: unknown command ${JSON.stringify(command)}; --help lists them\n`);
    process.exitCode = EXIT_USAGE;
}
