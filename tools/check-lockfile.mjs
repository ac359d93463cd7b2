// What the lock file must never hold: addresses of a registry, deprecated packages, packages that run code on install.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { ROOT } from './prepare.mjs';

/** Packages with an install script that is known and never run: .npmrc ignores the scripts of all packages. */
const KNOWN_SCRIPTS = new Set(['@parcel/watcher', '@scarf/scarf', 'koffi', 'unrs-resolver']);

const { packages } = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8'));

const faults = Object.entries(packages).flatMap(([path, entry]) => {
  const name = path.split('node_modules/').at(-1);
  return [
    entry.resolved !== undefined && `${name} names its address: ${entry.resolved}`,
    entry.deprecated !== undefined && `${name} is deprecated: ${entry.deprecated}`,
    entry.hasInstallScript === true && !KNOWN_SCRIPTS.has(name) && `${name} runs a script on install`,
  ].filter(Boolean);
});

for (const fault of faults) process.stderr.write(`${fault}\n`);
process.stdout.write(`lock file: ${faults.length === 0 ? 'clean' : `${faults.length} faults`}\n`);
process.exit(faults.length === 0 ? 0 : 1);
