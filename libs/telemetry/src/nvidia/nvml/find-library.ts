import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** What `ldconfig` has found, for glibc. */
const LINKER_CACHE = '/etc/ld.so.cache';
/** Where a linker looks that has no such list. */
const LIBRARY_FOLDERS = ['/usr/lib', '/lib', '/usr/lib64', '/lib64', '/usr/local/lib'];

/**
 * Whether the dynamic linker would find this library: a look, that costs nothing, before a thread is started for it.
 * A path is looked up as it is. `libraryPath`: the operating system's LD_LIBRARY_PATH.
 */
export function libraryIsThere(library: string, libraryPath: string, linkerCache = LINKER_CACHE): boolean {
  if (library.includes('/')) return existsSync(library);
  const folders = [...libraryPath.split(':').filter((folder) => folder !== ''), ...LIBRARY_FOLDERS];
  return isIn(linkerCache, library) || folders.some((folder) => existsSync(join(folder, library)));
}

function isIn(linkerCache: string, library: string): boolean {
  try {
    return readFileSync(linkerCache).includes(`${library}\0`);
  } catch {
    return false;
  }
}
