// What "npm start" and "npm test" need before they can run. Uses nothing but Node: it runs before the install.
import { spawnSync } from 'node:child_process';
import { readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('..', import.meta.url));

const BUILD_STAMP = 'dist/.tsbuildinfo';
const INSTALL_STAMP = 'node_modules/.package-lock.json';

/** Installs what is missing and builds what is stale; ends the process if either fails. */
export function prepare() {
  if (isOlder(INSTALL_STAMP, ['package-lock.json'])) run('installing', 'npm', ['ci']);
  if (isOlder(BUILD_STAMP, ['package.json', 'tsconfig.json', 'tsconfig.build.json', 'apps', 'libs'])) {
    rmSync(join(ROOT, 'dist'), { recursive: true, force: true });
    run('building', 'npm', ['run', '--silent', 'build']);
  }
}

function run(what, command, args) {
  process.stderr.write(`${what}…\n`);
  const { status } = spawnSync(command, args, { cwd: ROOT, stdio: ['ignore', process.stderr, process.stderr] });
  if (status !== 0) {
    process.stderr.write(`${what} failed: ${command} ${args.join(' ')}\n`);
    process.exit(1);
  }
}

/** Whether the stamp is missing or older than the newest of the sources. */
function isOlder(stamp, sources) {
  return modifiedMs(stamp) < Math.max(...sources.map(newestMs));
}

function modifiedMs(path) {
  return statSync(join(ROOT, path), { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

function newestMs(path) {
  const stat = statSync(join(ROOT, path));
  if (!stat.isDirectory()) return stat.mtimeMs;
  // A folder's own time tells of files that were removed.
  const inside = readdirSync(join(ROOT, path)).map((name) => newestMs(join(path, name)));
  return Math.max(stat.mtimeMs, ...inside);
}
