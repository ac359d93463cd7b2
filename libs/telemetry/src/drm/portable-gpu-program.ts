/**
 * The program of the child that `portableGpuMonitor` runs with `node --eval`. It is text because it must run from the
 * sources under the tests and from the build alike, where a file beside this one would have to be copied.
 *
 * Its argument is the path of the package `systeminformation`, whose `graphics` runs other programs and waits for them
 * without a deadline. Prints the controllers as JSON.
 */
export const PORTABLE_GPU_PROGRAM = `
'use strict';
require(process.argv[1]).graphics().then(({ controllers }) => process.stdout.write(JSON.stringify(controllers)));
`;
