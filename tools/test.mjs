// "npm test": every test, from a fresh clone. Arguments go to Jest.
import { spawnSync } from 'node:child_process';

import { prepare, ROOT } from './prepare.mjs';

prepare();
const { status } = spawnSync(
  process.execPath,
  [
    // Nest is ESM-only, and Jest runs ES modules only behind this flag.
    '--experimental-vm-modules',
    '--disable-warning=ExperimentalWarning',
    'node_modules/jest/bin/jest.js',
    ...process.argv.slice(2),
  ],
  { cwd: ROOT, stdio: 'inherit' },
);
process.exit(status ?? 1);
