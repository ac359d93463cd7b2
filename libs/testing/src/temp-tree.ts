import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

/** Contents by path. */
export type TreeFiles = Readonly<Record<string, string | Uint8Array>>;

/** A folder of a test's own, such as a made `/proc`. */
export class TempTree implements Disposable {
  readonly root = mkdtempSync(join(tmpdir(), 'apiary-tree-'));

  /** Files by their path below the root. */
  constructor(files: TreeFiles = {}) {
    this.write(files);
  }

  /** Writes files and makes the folders above them; a path that ends in `/` is a folder. */
  write(files: TreeFiles): void {
    for (const [path, text] of Object.entries(files)) {
      const target = join(this.root, path);
      mkdirSync(path.endsWith('/') ? target : dirname(target), { recursive: true });
      if (!path.endsWith('/')) writeFileSync(target, text);
    }
  }

  /** Makes a symbolic link; what it leads to need not exist. */
  link(path: string, target: string): void {
    mkdirSync(dirname(join(this.root, path)), { recursive: true });
    symlinkSync(target, join(this.root, path));
  }

  /** Removes a file or a folder with all that is in it. */
  remove(path: string): void {
    rmSync(join(this.root, path), { recursive: true, force: true });
  }

  [Symbol.dispose](): void {
    this.remove('.');
  }
}
