// "npm run chaos": the whole chaos suite, long scenarios included, one after another.
//   npm run chaos                              every scenario, and a short random run
//   npm run chaos -- --seed 7 --minutes 10     only the random run, with this seed and of this length
//   npm run chaos -- chaos/network             what else is given goes to Jest
// Ends with a table of what was measured; chaos/report.jsonl holds the same as JSON, one scenario per line.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

import { prepare, ROOT } from './prepare.mjs';

const REPORT = join(ROOT, 'chaos/report.jsonl');

const { values, positionals } = parseArgs({
  options: { seed: { type: 'string' }, minutes: { type: 'string' } },
  allowPositionals: true,
});
const seed = numberOf('seed', values.seed);
const minutes = numberOf('minutes', values.minutes);
const onlyRandom = seed !== '' || minutes !== '';

prepare();
rmSync(REPORT, { force: true });
const { status } = spawnSync(
  process.execPath,
  [
    '--experimental-vm-modules',
    '--disable-warning=ExperimentalWarning',
    'node_modules/jest/bin/jest.js',
    // Measured times mean little when scenarios get in each other's way.
    '--runInBand',
    ...(positionals.length > 0 ? positionals : [onlyRandom ? 'chaos/random' : 'chaos/']),
  ],
  {
    cwd: ROOT,
    stdio: 'inherit',
    env: { ...process.env, CHAOS_LONG: '1', CHAOS_SEED: seed, CHAOS_MINUTES: minutes, CHAOS_REPORT: REPORT },
  },
);
printTable();
process.exit(status ?? 1);

function numberOf(name, text) {
  if (text === undefined) return '';
  if (Number(text) > 0) return text;
  process.stderr.write(`--${name} must be a number above 0, not ${JSON.stringify(text)}\n`);
  process.exit(78);
}

function printTable() {
  if (!existsSync(REPORT)) return;
  const entries = readFileSync(REPORT, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  process.stdout.write('\n| row | scenario | bound | measured |\n|---|---|---|---|\n');
  for (const { row, name, outcome, why, measures } of entries) {
    const bounds = measures.filter(({ bound }) => bound !== '').map(({ what, bound }) => `${what} ${bound}`);
    const measured = measures.map(({ what, measured: value }) => `${what} ${value}`);
    const verdict = outcome === 'passed' ? [] : [`**${outcome}**${why === undefined ? '' : `: ${why}`}`];
    process.stdout.write(`| ${[row, name, bounds.join('; '), [...measured, ...verdict].join('; ')].join(' | ')} |\n`);
  }
}
