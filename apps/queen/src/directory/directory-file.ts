import { mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';

import { ApiaryError, decodeDirectory, describeError, type RememberedHive } from '#contracts';

const FILE_NAME = 'queen-state.json';
/** What is being written, with the pid of the writer: a writer that is killed leaves it behind. */
const DRAFT = /^queen-state\.json\.(\d+)\.draft$/;

/** The directory on disk: small, written whole, replaced in one step, so that a crash leaves the old or the new one. */
export class DirectoryFile {
  readonly path: string;
  private wanted: readonly RememberedHive[] | undefined;
  private writing: Promise<void> | undefined;

  /** `onFault` hears of every write that failed; the queen goes on without memory. */
  constructor(
    private readonly folder: string,
    private readonly onFault: (sentence: string) => void,
  ) {
    this.path = join(folder, FILE_NAME);
  }

  /** What was remembered; nothing where there is no file. Throws `CONFIG_INVALID` where it can't be read as one. */
  async read(): Promise<readonly RememberedHive[]> {
    try {
      return decodeDirectory(await readFile(this.path, 'utf8'));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
      throw new ApiaryError('CONFIG_INVALID', `${this.path} is ignored: ${describeError(error)}`);
    }
  }

  /** Removes what writers left behind that were killed. Never fails: what can't be removed does no harm. */
  async sweep(): Promise<void> {
    const names = await readdir(this.folder).catch(() => []);
    const left = names.filter((name) => isLeftBehind(Number(DRAFT.exec(name)?.[1])));
    await Promise.allSettled(left.map((name) => rm(join(this.folder, name))));
  }

  /** Takes the newest state. One write is under way at a time; what comes meanwhile goes into the next. */
  write(hives: readonly RememberedHive[]): void {
    this.wanted = hives;
    this.writing ??= this.writeAll().finally(() => (this.writing = undefined));
  }

  /** Resolves when everything is on disk, or could not be put there. */
  async flush(): Promise<void> {
    await this.writing;
  }

  private async writeAll(): Promise<void> {
    while (this.wanted !== undefined) {
      const hives = this.wanted;
      this.wanted = undefined;
      try {
        await this.replace(JSON.stringify({ schema: 1, hives }));
      } catch (error) {
        this.onFault(`${this.path} can't be written, the hives would be forgotten: ${describeError(error)}`);
      }
    }
  }

  private async replace(text: string): Promise<void> {
    await mkdir(this.folder, { recursive: true, mode: 0o700 });
    const draft = `${this.path}.${process.pid}.draft`;
    const file = await open(draft, 'w', 0o600);
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(draft, this.path);
  }
}

/** Whether there was such a writer and it runs no more. */
function isLeftBehind(pid: number): boolean {
  if (Number.isNaN(pid)) return false;
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH';
  }
}
