import { execFile } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, statSync, symlinkSync } from 'node:fs';
import { basename, join, relative } from 'node:path';
import { promisify } from 'node:util';

import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';

import { ServiceProcess, SseProbe, TempTree } from '#testing';

const ROOT = new URL('../', import.meta.url).pathname;
const SERVICES = ['queen', 'hive'] as const;
const INSTALL_MS = 120_000;

interface Copy {
  /** The stage that it copies from; undefined for the repository. */
  readonly from: string | undefined;
  readonly sources: readonly string[];
  readonly target: string;
}

/** One stage of a Dockerfile; the last one is what ships and has no name. */
interface Stage {
  readonly name: string;
  readonly workdir: string;
  readonly copies: readonly Copy[];
  readonly runs: readonly string[];
  readonly entrypoint: readonly string[];
}

/** As much of the format as the project's own Dockerfiles use. */
function stagesOf(dockerfile: string): readonly Stage[] {
  const lines = readFileSync(join(ROOT, dockerfile), 'utf8')
    .replace(/^#.*\n/gm, '')
    .replaceAll('\\\n', ' ')
    .split('\n');
  const [, ...stages] = lines.join('\n').split(/^(?=FROM )/m);
  return stages.map((text) => ({
    name: /^FROM \S+ AS (\S+)/.exec(text)?.[1] ?? '',
    workdir: /^WORKDIR (\S+)/m.exec(text)?.[1] ?? '/',
    copies: [...text.matchAll(/^COPY (?:--from=(\S+) )?(.+) (\S+)$/gm)].map(([, from, sources = '', target = '']) => ({
      from,
      sources: sources.split(' '),
      target,
    })),
    runs: [...text.matchAll(/^RUN (.+)$/gm)].map(([, command = '']) => command),
    entrypoint: JSON.parse(/^ENTRYPOINT (.+)$/m.exec(text)?.[1] ?? '[]') as string[],
  }));
}

const stagesOfService = (service: string): readonly Stage[] => stagesOf(`deploy/docker/${service}.Dockerfile`);

/**
 * Puts the files of a stage into a folder, which stands for its WORKDIR. The stage `build` needs none of its own: what
 * it makes of the repository lies there already.
 */
function layOut({ copies, workdir }: Stage, folder: string, installed = ''): void {
  const stageFolders: Readonly<Record<string, string>> = { dependencies: installed, build: ROOT };
  for (const { from, sources, target } of copies) {
    for (const source of sources) {
      const origin = from === undefined ? join(ROOT, source) : join(stageFolders[from]!, relative(workdir, source));
      const isFolder = statSync(origin).isDirectory();
      const destination = isFolder ? join(folder, target) : join(folder, target, basename(source));
      // A link saves copying some ten thousand files, and packages look for each other where they really are.
      if (from === 'dependencies') symlinkSync(origin, destination);
      else cpSync(origin, destination, { recursive: true });
    }
  }
}

/** Runs the install of the stage `dependencies`; npm's cache makes it fast, and nothing is fetched that isn't missing. */
async function install(stage: Stage, folder: string): Promise<void> {
  expect(stage.runs).toHaveLength(1);
  const [npm = '', ...args] = stage.runs[0]?.split(' ') ?? [];
  await promisify(execFile)(npm, [...args, '--prefer-offline', '--no-audit', '--no-fund'], {
    cwd: folder,
    timeout: INSTALL_MS,
  });
}

describe('what the images hold', () => {
  let temp: TempTree;

  beforeEach(() => {
    if (!existsSync(join(ROOT, 'dist'))) throw new Error('dist/ is missing: run "npm run build" first');
    temp = new TempTree();
  });

  afterEach(() => temp[Symbol.dispose]());

  it.each(SERVICES)('the %s image copies only what is there and .dockerignore lets through', (service) => {
    const ignores = readFileSync(join(ROOT, '.dockerignore'), 'utf8').split('\n');
    const stages = stagesOfService(service);
    const sources = stages.flatMap(({ copies }) => copies.filter(({ from }) => from === undefined));
    for (const source of sources.flatMap((copy) => copy.sources)) {
      expect({ source, isThere: existsSync(join(ROOT, source)) }).toEqual({ source, isThere: true });
      expect(ignores).toContain(`!${source}`);
    }
    expect(stages.map(({ name }) => name)).toEqual(['dependencies', 'build', '']);
    expect(stages.at(-1)?.entrypoint).toEqual(['node', `dist/apps/${service}/src/main.js`]);
  });

  it('both images install the same', () => {
    expect(stagesOfService('hive').slice(0, 2)).toEqual(stagesOfService('queen').slice(0, 2));
  });

  it(
    'a queen reads a hive, both from such a folder, and both end with 0 in under 2 s',
    async () => {
      const [installed, queenFolder, hiveFolder] = ['dependencies', ...SERVICES].map((name) => {
        mkdirSync(join(temp.root, name));
        return join(temp.root, name);
      }) as [string, string, string];
      const dependencies = stagesOfService('queen')[0]!;
      layOut(dependencies, installed);
      await install(dependencies, installed);
      expect(developmentPackagesIn(installed)).toEqual([]);
      layOut(stagesOfService('queen').at(-1)!, queenFolder, installed);
      layOut(stagesOfService('hive').at(-1)!, hiveFolder, installed);

      const env = { NODE_ENV: 'production' };
      const queenEnv = { ...env, QUEEN_PORT: '0', QUEEN_SSH_CONFIG: '/nonexistent' };
      await using queen = new ServiceProcess('queen', [], queenEnv, { root: queenFolder });
      const queenUrl = await queen.url();
      const hiveEnv = { ...env, HIVE_PORT: '0', HIVE_ID: 'shipped', HIVE_QUEEN_URL: queenUrl };
      await using hive = new ServiceProcess('hive', [], hiveEnv, { root: hiveFolder });
      await hive.url();
      using viewer = new SseProbe(`${queenUrl}/v1/heartbeats/stream`);
      const { json } = await viewer.waitFor('telemetry', ({ json: { type } }) => type === 'hive_telemetry');
      expect(json).toMatchObject({ hive_id: 'shipped' });
      for (const service of [hive, queen]) {
        const { code, tookMs } = await service.end('SIGTERM');
        expect(code).toBe(0);
        expect(tookMs).toBeLessThan(2_000);
      }
    },
    INSTALL_MS + 60_000,
  );
});

/** Packages that only development needs. */
function developmentPackagesIn(folder: string): readonly string[] {
  const { devDependencies } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
    readonly devDependencies: Readonly<Record<string, string>>;
  };
  return Object.keys(devDependencies).filter((name) => existsSync(join(folder, 'node_modules', name)));
}
