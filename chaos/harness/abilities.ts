import { spawnSync } from 'node:child_process';

const works = (program: string, ...args: readonly string[]): boolean => spawnSync(program, args).status === 0;

/** Why no file system can be mounted for a test; `undefined` where one can. Asked before the tests are declared. */
export const mountsImpossible: string | undefined = works('unshare', '--mount', 'true')
  ? undefined
  : 'mounting a file system needs root and unshare';

/** Why a running process can't be given fewer descriptors; `undefined` where it can. */
export const prlimitMissing: string | undefined = works('prlimit', '--version')
  ? undefined
  : 'prlimit (util-linux) is not installed';
