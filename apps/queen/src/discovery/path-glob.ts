import { readdir, stat } from 'node:fs/promises';
import { basename, dirname, join, parse, sep } from 'node:path';

import { anyChar, fits, onlyChar, type WildcardStep } from './wildcard.js';

/** Most paths that a pattern may stand for, at each of its levels. */
const PATHS_MAX = 1024;

/** Names in a folder that a reading depends on, whether they exist or not. */
export interface Interest {
  readonly folder: string;
  readonly matches: (name: string) => boolean;
}

/** What a pattern stands for now, and what would change that. */
export interface Expansion {
  readonly paths: readonly string[];
  readonly interests: readonly Interest[];
}

/** The interest in one path. */
export const interestIn = (path: string): Interest => ({
  folder: dirname(path),
  matches: (name) => name === basename(path),
});

/**
 * The paths that fit an absolute pattern, as `glob(3)` has it: `*`, `?` and `[…]` within a name, no leading dot unless
 * it is spelled out, sorted. A pattern without any of these stands for itself, even if nothing is there.
 */
export async function expandPath(pattern: string): Promise<Expansion> {
  if (!isGlob(pattern)) return { paths: [pattern], interests: [interestIn(pattern)] };
  const { root } = parse(pattern);
  const interests: Interest[] = [];
  let paths: readonly string[] = [root];
  for (const name of pattern.slice(root.length).split(sep)) {
    if (isGlob(name)) {
      const matches = nameMatcher(name);
      interests.push(...paths.map((folder) => ({ folder, matches })));
      paths = (await Promise.all(paths.map((folder) => namesIn(folder, matches)))).flat().slice(0, PATHS_MAX);
    } else paths = paths.map((folder) => join(folder, name));
  }
  const existing = await Promise.all(paths.map(async (path) => ((await exists(path)) ? [path] : [])));
  return { paths: existing.flat().sort(), interests: [...interests, ...paths.map(interestIn)] };
}

const isGlob = (text: string): boolean => /[*?[]/.test(text);

async function namesIn(folder: string, matches: (name: string) => boolean): Promise<readonly string[]> {
  const names = await readdir(folder).catch(() => []);
  return names.filter(matches).map((name) => join(folder, name));
}

const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );

function nameMatcher(pattern: string): (name: string) => boolean {
  const steps = compile(pattern);
  return (name) => (pattern.startsWith('.') || !name.startsWith('.')) && fits(name, steps);
}

/** `[` without its `]` is a character like any other. */
function compile(pattern: string): readonly WildcardStep[] {
  const parts = pattern.match(/\[[!^]?\]?[^\]]*\]|\\.|[^]/g) ?? [];
  return parts.map((part): WildcardStep => {
    if (part === '*') return '*';
    if (part === '?') return anyChar;
    if (part.length > 1 && part.startsWith('[')) return charClass(part.slice(1, -1));
    return onlyChar(part.length > 1 ? part.slice(1) : part);
  });
}

function charClass(body: string): WildcardStep {
  const negated = /^[!^]/.test(body);
  const items = body.slice(negated ? 1 : 0).match(/[^]-[^]|[^]/g) ?? [];
  const holds = (char: string): boolean =>
    items.some((item) => (item.length === 3 ? item.charAt(0) <= char && char <= item.charAt(2) : item === char));
  return (char) => holds(char) !== negated;
}
