import { setFlagsFromString } from 'node:v8';

/**
 * An agent leaves its machine to the models. What each flag saves, as RSS after 25 s at 1 Hz on Node 20 (none of them:
 * 79 MiB, all: 65), is in docs/benchmarks.md. V8 heeds them only before the first large import.
 */
const V8_FLAGS = [
  // Else the young generation grows to 32 MiB at the first burst and is kept for ever.
  '--semi-space-growth-factor=1',
  // A second of rest between a few ms of work: optimized code costs more to make and keep than it ever gives back.
  '--no-opt',
  '--no-maglev',
  '--no-sparkplug',
];

for (const flag of V8_FLAGS) setFlagsFromString(flag);

await import('./start.js');
