// "npm start": a queen and a hive on this machine, from a fresh clone.
import { pathToFileURL } from 'node:url';
import { join } from 'node:path';

import { prepare, ROOT } from './prepare.mjs';

prepare();
process.argv.splice(2, 0, 'up');
await import(pathToFileURL(join(ROOT, 'dist/apps/cli/src/main.js')).href);
