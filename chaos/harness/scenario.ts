import { appendFileSync } from 'node:fs';

import { it } from '@jest/globals';

import { describeError } from '#contracts';

import { mode } from './mode.js';

/** One scenario of the suite. */
export interface Scenario {
  /** The row of the failure matrix in docs/reliability.md that it proves. */
  readonly row: string;
  readonly name: string;
  /** Takes more than some seconds: runs under `npm run chaos` only. */
  readonly long?: boolean;
  /** Why it can't run on this machine, worked out beforehand; the run says so. */
  readonly impossible?: string | undefined;
  /** The time after which it has failed, in ms. */
  readonly timeoutMs?: number;
}

interface Measure {
  readonly what: string;
  readonly bound: string;
  readonly measured: string;
  readonly holds: boolean;
}

const TIMEOUT_MS = 60_000;
/** Connections, descriptors and memory of processes are read there. */
const NO_PROC = process.platform === 'linux' ? undefined : 'it needs /proc';

/** What a scenario measured against its bounds. Every breach is noted; the scenario fails at its end. */
export class Measures {
  readonly all: Measure[] = [];

  /** A time in ms that must not be longer than `boundMs`. */
  atMost(what: string, measuredMs: number, boundMs: number): void {
    this.note(what, `<= ${seconds(boundMs)}`, seconds(measuredMs), measuredMs <= boundMs);
  }

  /** A number that must not be larger than `bound`. */
  noMore(what: string, measured: number, bound: number, unit = ''): void {
    this.note(what, `<= ${round(bound)}${unit}`, `${round(measured)}${unit}`, measured <= bound);
  }

  /** A number that must not be smaller than `bound`. */
  noLess(what: string, measured: number, bound: number, unit = ''): void {
    this.note(what, `>= ${round(bound)}${unit}`, `${round(measured)}${unit}`, measured >= bound);
  }

  /** A number or word that must be exactly `bound`. */
  exactly(what: string, measured: number | string, bound: number | string): void {
    this.note(what, `= ${bound}`, String(measured), measured === bound);
  }

  /** Something worth knowing that has no bound. */
  tell(what: string, measured: string): void {
    this.note(what, '', measured, true);
  }

  private note(what: string, bound: string, measured: string, holds: boolean): void {
    this.all.push({ what, bound, measured, holds });
  }
}

/** Declares a scenario: it runs, prints one line with its bounds and what was measured, and leaves it in the report. */
export function scenario(plan: Scenario, run: (measures: Measures) => Promise<void>): void {
  const title = `${plan.row}: ${plan.name}`;
  if (plan.long === true && !mode.long) {
    it.skip(`${title} (long: npm run chaos)`, () => undefined);
    return;
  }
  const impossible = plan.impossible ?? NO_PROC;
  if (impossible !== undefined) {
    publish(plan, 'skipped', [], impossible);
    it.skip(`${title} (skipped: ${impossible})`, () => undefined);
    return;
  }
  it(
    title,
    async () => {
      const measures = new Measures();
      try {
        await run(measures);
      } catch (error) {
        publish(plan, 'failed', measures.all, describeError(error));
        throw error;
      }
      const breaches = measures.all.filter(({ holds }) => !holds);
      publish(plan, breaches.length === 0 ? 'passed' : 'failed', measures.all);
      if (breaches.length > 0) throw new Error(breaches.map(sentence).join('; '));
    },
    plan.timeoutMs ?? TIMEOUT_MS,
  );
}

function publish({ row, name }: Scenario, outcome: string, measures: readonly Measure[], why?: string): void {
  const bounds = measures.filter(({ bound }) => bound !== '').map(({ what, bound }) => `${what} ${bound}`);
  const measured = measures.map(({ what, measured: value }) => `${what} ${value}`);
  const verdict = outcome === 'passed' ? '' : ` · ${outcome.toUpperCase()}${why === undefined ? '' : `: ${why}`}`;
  const line = `${row} ${name} · bound: ${bounds.join(', ')} · measured: ${measured.join(', ')}${verdict}\n`;
  process.stderr.write(line);
  const entry = { row, name, outcome, why, measures, at: new Date().toISOString(), node: process.version };
  if (mode.report !== undefined) appendFileSync(mode.report, `${JSON.stringify(entry)}\n`);
}

const sentence = ({ what, bound, measured }: Measure): string => `${what}: ${measured}, bound ${bound}`;
const seconds = (ms: number): string => `${(ms / 1000).toFixed(2)} s`;
const round = (value: number): number => Math.round(value * 100) / 100;
