import { type FSWatcher, watch } from 'node:fs';
import { stat } from 'node:fs/promises';
import { basename, dirname } from 'node:path';

import { Subject } from 'rxjs';

import { FOLDERS_WATCHED_MAX } from './limits.js';
import { type Interest, interestIn } from './path-glob.js';

interface WatchedFolder {
  /** Device and inode: a folder that was replaced needs a new watch under its old name. */
  readonly identity: string;
  readonly watcher: FSWatcher;
  interests: readonly Interest[];
}

/**
 * Tells when something in a set of folders changes. Folders, not files: an editor replaces the file that it writes, and
 * a file that is not there yet can't be watched. Only a hint: what can't be watched, because the machine has no more
 * watches or the file system none at all, is found by the next look.
 */
export class FolderWatch implements Disposable {
  private readonly changes = new Subject<void>();
  private readonly folders = new Map<string, WatchedFolder>();
  private disposed = false;
  /** Fires for every change, often several times. */
  readonly changes$ = this.changes.asObservable();

  /**
   * Watches for these and nothing else from now on. `true` if a watch is new: what changed before it went unnoticed.
   */
  async follow(interests: readonly Interest[]): Promise<boolean> {
    const wanted = await byFolder(interests);
    for (const [folder, { identity, watcher }] of this.folders) {
      if (wanted.get(folder)?.identity === identity) continue;
      watcher.close();
      this.folders.delete(folder);
    }
    return [...wanted].map(([folder, entry]) => this.watch(folder, entry)).includes(true);
  }

  [Symbol.dispose](): void {
    this.disposed = true;
    for (const { watcher } of this.folders.values()) watcher.close();
    this.folders.clear();
  }

  /** Whether this is a new watch. */
  private watch(folder: string, { identity, interests }: Omit<WatchedFolder, 'watcher'>): boolean {
    const known = this.folders.get(folder);
    if (known !== undefined) known.interests = interests;
    if (known !== undefined || this.disposed) return false;
    try {
      const watcher = watch(folder, { persistent: false }, (_, name) => this.notice(folder, name));
      watcher.on('error', () => this.drop(folder));
      this.folders.set(folder, { identity, watcher, interests });
      return true;
    } catch {
      // ENOSPC, EMFILE, EACCES: the timer has to do.
      return false;
    }
  }

  private notice(folder: string, name: string | null): void {
    const interests = this.folders.get(folder)?.interests ?? [];
    // Under its own name a folder tells that it was moved or removed: nothing more will come of this watch.
    if (name === basename(folder)) this.drop(folder);
    // Some systems don't say what changed.
    else if (name === null || interests.some(({ matches }) => matches(name))) this.changes.next();
  }

  private drop(folder: string): void {
    this.folders.get(folder)?.watcher.close();
    this.folders.delete(folder);
    this.changes.next();
  }
}

/** Interests by the folder to watch; for one that does not exist that is the nearest one above it that does. */
async function byFolder(interests: readonly Interest[]): Promise<Map<string, Omit<WatchedFolder, 'watcher'>>> {
  const found = new Map<string, { identity: string; interests: readonly Interest[] }>();
  for (const interest of interests) {
    const existing = await nearest(interest);
    const { folder } = existing.interest;
    const known = found.get(folder);
    if (known === undefined && found.size >= FOLDERS_WATCHED_MAX) continue;
    found.set(folder, { identity: existing.identity, interests: [...(known?.interests ?? []), existing.interest] });
  }
  return found;
}

async function nearest(interest: Interest): Promise<{ interest: Interest; identity: string }> {
  try {
    const { dev, ino } = await stat(interest.folder);
    return { interest, identity: `${dev}:${ino}` };
  } catch {
    const above = dirname(interest.folder);
    return above === interest.folder ? { interest, identity: '' } : nearest(interestIn(interest.folder));
  }
}
