import { spawnSync } from 'node:child_process';

/** Why no file system can be mounted for a test; `undefined` where one can. Asked before the tests are declared. */
export const mountsImpossible: string | undefined =
  spawnSync('unshare', ['--mount', 'true']).status === 0 ? undefined : 'mounting a file system needs root and unshare';
