import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import { delimiter, join } from 'node:path';

/** Whether this process may run the file; a folder is no executable. */
export async function isExecutable(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    return (await stat(path)).isFile();
  } catch {
    return false;
  }
}

/** The first executable of this name in the folders of a PATH. */
export async function findOnPath(name: string, path: string): Promise<string | undefined> {
  for (const folder of path.split(delimiter)) {
    // An empty entry means the working directory, from which nothing is ever run here.
    if (folder !== '' && (await isExecutable(join(folder, name)))) return join(folder, name);
  }
  return undefined;
}

/** Where nvidia-smi is: a path from the settings goes before the operating system's PATH. */
export interface SmiLocation {
  readonly nvidiaSmi: string | undefined;
  readonly path: string;
}

/** The nvidia-smi to run; undefined where there is none. Rejects where the one that is set can't be run. */
export async function findNvidiaSmi({ nvidiaSmi, path }: SmiLocation): Promise<string | undefined> {
  if (nvidiaSmi === undefined) return findOnPath('nvidia-smi', path);
  if (await isExecutable(nvidiaSmi)) return nvidiaSmi;
  throw new Error(`${nvidiaSmi} is not an executable file`);
}
