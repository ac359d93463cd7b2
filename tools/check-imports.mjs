// The house rules about who may import what, as a check. Prints every breach and ends with 1 if there is one.
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';

import { ROOT } from './prepare.mjs';

/** What a folder may import besides itself: libraries as `#name`, rooms of the same app by their name. */
const MAY_IMPORT = {
  'libs/contracts': [],
  'libs/service-kit': ['#contracts'],
  'libs/telemetry': ['#contracts', '#service-kit'],
  'libs/testing': ['#contracts', '#service-kit'],
  'apps/cli': ['#contracts', '#service-kit'],
  'apps/hive/config': ['#telemetry', '#contracts', '#service-kit'],
  'apps/hive/identity': ['config', '#contracts', '#service-kit'],
  'apps/hive/readers': ['#contracts', '#service-kit'],
  'apps/hive/sampling': ['config', 'identity', '#telemetry', '#contracts', '#service-kit'],
  'apps/hive/stream': ['sampling', 'readers', '#contracts', '#service-kit'],
  'apps/hive/announce': ['config', 'identity', 'readers', '#contracts', '#service-kit'],
  'apps/hive/capabilities': ['announce', 'config', 'identity', 'sampling', '#telemetry', '#contracts', '#service-kit'],
  'apps/queen/config': ['#contracts', '#service-kit'],
  'apps/queen/identity': ['config', '#contracts', '#service-kit'],
  'apps/queen/endpoint': ['#contracts'],
  'apps/queen/directory': ['config', 'endpoint', '#contracts', '#service-kit'],
  'apps/queen/ready': ['directory', '#contracts', '#service-kit'],
  'apps/queen/discovery': ['directory', 'config', 'identity', '#contracts', '#service-kit'],
  'apps/queen/registry': ['config', 'endpoint', '#contracts', '#service-kit'],
  'apps/queen/subscriptions': ['directory', 'registry', 'endpoint', 'config', 'identity', '#contracts', '#service-kit'],
  'apps/queen/fleet': ['registry', 'config', 'identity', '#contracts', '#service-kit'],
};

/** Node modules that only some folders may use. */
const RESERVED = { 'node:child_process': ['libs/telemetry', 'libs/testing', 'apps/cli'] };

const IMPORT = /^(?:import|export)\b[^;]*?\bfrom '([^']+)'|^import '([^']+)'|\bimport\('([^']+)'\)/gm;

const breaches = sourceFiles().flatMap(breachesOf);
for (const breach of breaches) process.stderr.write(`${breach}\n`);
process.stdout.write(`imports: ${breaches.length === 0 ? 'as the house has them' : `${breaches.length} breaches`}\n`);
process.exit(breaches.length === 0 ? 0 : 1);

function sourceFiles() {
  return ['apps', 'libs']
    .flatMap((folder) => readdirSync(join(ROOT, folder), { recursive: true }).map((name) => join(folder, name)))
    .filter((file) => file.endsWith('.ts') && !file.endsWith('spec.ts') && !file.includes('/test/'));
}

function breachesOf(file) {
  const text = readFileSync(join(ROOT, file), 'utf8');
  const imports = [...text.matchAll(IMPORT)].map((match) => match[1] ?? match[2] ?? match[3]);
  return imports.map((target) => breachOf(file, target)).filter((breach) => breach !== undefined);
}

function breachOf(file, target) {
  const room = roomOf(file);
  const reservedFor = RESERVED[target];
  if (reservedFor !== undefined && !reservedFor.some((folder) => file.startsWith(`${folder}/`))) {
    return `${file}: only ${reservedFor.join(', ')} may import ${target}`;
  }
  // The files at the top of an app compose it and may import all of it.
  if (room === undefined) return breachOfApp(file, target);
  const allowed = MAY_IMPORT[room];
  if (allowed === undefined) return `${file}: ${room} has no line in tools/check-imports.mjs`;
  if (target.startsWith('#')) return allowed.includes(target) ? undefined : `${file}: ${room} may not import ${target}`;
  if (!target.startsWith('.')) return undefined;
  const other = roomOf(join(dirname(file), target));
  if (other === room || allowed.some((name) => other === `${dirname(room)}/${name}`)) return undefined;
  return `${file}: ${room} may not import ${other ?? target}`;
}

function breachOfApp(file, target) {
  if (!target.startsWith('.')) return undefined;
  const app = file.split('/').slice(0, 2).join('/');
  const other = relative('.', join(dirname(file), target));
  return other.startsWith(`${app}/`) ? undefined : `${file}: ${app} may not import ${other}`;
}

/** `apps/queen/src/fleet/viewer.ts` is in `apps/queen/fleet`, `libs/contracts/src/…` in `libs/contracts`. */
function roomOf(file) {
  const [kind, name, , folder, ...rest] = file.split('/');
  if (kind === 'libs' || name === 'cli') return `${kind}/${name}`;
  return rest.length > 0 ? `${kind}/${name}/${folder}` : undefined;
}
