/**
 * The program of the helper process that `NvidiaSmiHelper` runs with `node --eval`. It is text because it must run
 * from the sources under the tests and from the build alike, where a file beside this one would have to be copied.
 *
 * Its argument is the path of the package `node-nvidia-smi`. Each message to it is the path of an executable; each is
 * answered with `{ log }` or `{ error }`, one at a time.
 *
 * The package takes `exec` from `child_process` when it is loaded, and runs `nvidia-smi` by name with it, through a
 * shell, with at most 1 MiB of output, and takes any word on stderr for a failure. It is handed an `exec` without
 * those limits:
 * - the executable may have any name, and no PATH and no shell come between;
 * - stderr counts only when the run failed, and then stdout too, where nvidia-smi tells why; a run with a complete
 *   answer has not failed: with a corrupted infoROM it tells everything and exits with 14;
 * - `supported_clocks` is cut out before it is parsed: hundreds of lines per GPU that nobody reads, most of the cost.
 *
 * When the hive goes away, however it does, the channel closes and the whole process group ends with it.
 */
export const NVIDIA_SMI_PROGRAM = `
'use strict';
const childProcess = require('node:child_process');
const { execFile } = childProcess;
const OUTPUT_BYTES_MAX = 16 * 1024 * 1024;
let executable;

childProcess.exec = (command, callback) =>
  execFile(executable, ['-q', '-x'], { maxBuffer: OUTPUT_BYTES_MAX }, (fault, stdout, stderr) => {
    if (!fault || stdout.trimEnd().endsWith('</nvidia_smi_log>')) {
      callback(null, stdout.replace(/<supported_clocks>[^]*?<\\/supported_clocks>/g, ''), '');
    } else {
      callback((stderr + ' ' + (stdout.startsWith('<') ? '' : stdout.slice(0, 1000))).trim() || fault);
    }
  });
const nvidiaSmi = require(process.argv[1]);

process.on('disconnect', () => process.kill(0, 'SIGKILL'));
process.on('message', async (path) => {
  executable = path;
  process.send(
    await new Promise((resolve) =>
      nvidiaSmi((error, log) => resolve(error ? { error: String(error.message ?? error) } : { log })),
    ),
  );
});
`;
