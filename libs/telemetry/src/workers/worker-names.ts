import type { WorkerName } from './worker-watch.js';

/** What a worker outside of a slice asks to be called. */
export interface NameSeeker {
  readonly wantedName: WorkerName;
  readonly isListening: boolean;
}

interface Given extends WorkerName {
  /** It listened when it was named: the name says where, and stays. */
  readonly isFinal: boolean;
}

/**
 * Gives each worker outside of a slice a name of its own. A name is for as long as the worker lives: only one that was
 * given before the worker listened may turn out to be wrong, or free up that of a server which is just being replaced.
 */
export class WorkerNames {
  private given: ReadonlyMap<string, Given> = new Map();

  /** `seekers` by their keys, the oldest first; `reserved` are the names in slices, as `group/instance`. */
  give(seekers: ReadonlyMap<string, NameSeeker>, reserved: ReadonlySet<string>): ReadonlyMap<string, WorkerName> {
    const used = new Set(reserved);
    const given = new Map<string, Given>();
    for (const [key, seeker] of seekers) {
      const before = this.given.get(key);
      const isKept = before?.isFinal === true && before.group === seeker.wantedName.group && !used.has(pathOf(before));
      if (!isKept) continue;
      used.add(pathOf(before));
      given.set(key, before);
    }
    for (const [key, seeker] of seekers) {
      if (given.has(key)) continue;
      const name = free(seeker.wantedName, used);
      used.add(pathOf(name));
      given.set(key, { ...name, isFinal: seeker.isListening });
    }
    this.given = given;
    return given;
  }
}

/** The wanted one, or the first of "8000-2", "8000-3", … that nobody has. */
function free(wanted: WorkerName, used: ReadonlySet<string>): WorkerName {
  let name = wanted;
  for (let count = 2; used.has(pathOf(name)); count++) name = { ...wanted, instance: `${wanted.instance}-${count}` };
  return name;
}

function pathOf({ group, instance }: WorkerName): string {
  return `${group}/${instance}`;
}
