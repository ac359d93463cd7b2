import { describe } from '@jest/globals';

import { Colony, CONVERGED_MS } from './colony/colony.js';
import { FAULTS, type Misfortune } from './colony/faults.js';
import { mode } from './harness/mode.js';
import { SeededRandom } from './harness/random.js';
import { scenario } from './harness/scenario.js';

/** One step may last this much longer than the time that was asked for: its faults, and the wait for the fleet. */
const LAST_STEP_MS = 90_000;
const START_MS = 60_000;

const MINUTES_DEFAULT = 2;

const seed = mode.seed ?? 1;
const minutes = mode.minutes ?? MINUTES_DEFAULT;

describe('everything, mixed', () => {
  scenario(
    {
      row: 'all',
      long: true,
      name: `random faults, seed ${seed}, ${minutes} min`,
      timeoutMs: minutes * 60_000 + LAST_STEP_MS + START_MS,
    },
    async (measures) => {
      const random = new SeededRandom(seed);
      await using colony = await Colony.start(random.between(3, 10));
      const endMs = performance.now() + minutes * 60_000;
      const [breaches, convergedMs]: [string[], number[]] = [[], []];
      for (let step = 1; performance.now() < endMs; step++) {
        const faults = misfortunes(colony, random);
        const what = faults.map((fault) => fault.what).join(' + ');
        await Promise.all(faults.map((fault) => fault.run()));
        const healedMs = await colony.heal();
        const tookMs = await colony.converge(healedMs).catch(() => Number.POSITIVE_INFINITY);
        convergedMs.push(tookMs);
        const found = Number.isFinite(tookMs) ? await colony.breaches() : [`not whole within ${CONVERGED_MS} ms`];
        breaches.push(...found.map((breach) => `step ${step} (${what}): ${breach}`));
        process.stderr.write(
          `seed ${seed} step ${step}: ${what}: whole after ${(tookMs / 1000).toFixed(1)} s; ${colony.footprint()}\n`,
        );
        if (found.length > 0) process.stderr.write(`  BREACH ${found.join('; ')}\n`);
        if (!Number.isFinite(tookMs)) break;
      }
      measures.tell('hives', String(colony.ids.length));
      measures.tell('steps', String(convergedMs.length));
      measures.exactly('breaches', breaches.join('; ') || 'none', 'none');
      measures.atMost('slowest to be whole again', Math.max(...convergedMs), CONVERGED_MS);
      measures.tell('usually whole after', `${(median(convergedMs) / 1000).toFixed(2)} s`);
    },
  );
});

/** Now and then two things go wrong at once. */
function misfortunes(colony: Colony, random: SeededRandom): readonly Misfortune[] {
  const draw = (): Misfortune => random.pick(FAULTS)(colony, random);
  const [one, other] = [draw(), draw()];
  return random.next() < 0.3 && other.whom !== one.whom ? [one, other] : [one];
}

const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
