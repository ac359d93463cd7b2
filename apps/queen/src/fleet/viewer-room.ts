import { readFileSync } from 'node:fs';

/** What of the files that this process may open is kept for hives, and what for everything else. */
const HIVES_SHARE = 0.25;
const OTHER_FILES = 64;

/** How many viewers can be served, and one sentence where that is fewer than the settings allow. */
export interface ViewerRoom {
  readonly viewers: number;
  readonly shortage: string | undefined;
}

/** Viewers must not take the descriptors that a hive needs which comes back: what they may have is bounded. */
export function viewerRoom(maxViewers: number, openFilesMax: number): ViewerRoom {
  const affordable = Math.max(1, Math.floor((openFilesMax - OTHER_FILES) * (1 - HIVES_SHARE)));
  if (affordable >= maxViewers) return { viewers: maxViewers, shortage: undefined };
  const shortage =
    `this process may open ${openFilesMax} files, so at most ${affordable} viewers are served, not ${maxViewers}: ` +
    'raise `ulimit -n` or lower --max-viewers';
  return { viewers: affordable, shortage };
}

/** How many files and sockets this process may have open (`ulimit -n`); without bound where that can't be told. */
export function openFilesMax(limitsFile = '/proc/self/limits'): number {
  try {
    const [, soft] = /^Max open files\s+(\d+)/m.exec(readFileSync(limitsFile, 'utf8')) ?? [];
    return soft === undefined ? Number.POSITIVE_INFINITY : Number(soft);
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}
