import { createRequire } from 'node:module';

/** How long a process that failed has to say why before it is ended by force, in s. */
const LAST_WORDS_S = 1;

let underWay = 0;
let isWatching = false;

/**
 * To be called before a thread of this process enters a driver, which may never let go of it; the result is to be
 * called once it did. Node waits for its threads before it ends, so that a hive with a stuck driver would never end.
 */
export function enterDriver(): () => void {
  if (!isWatching) process.on('exit', leaveProcess);
  isWatching = true;
  underWay += 1;
  return () => (underWay -= 1);
}

/** A process that ends in order leaves at once; one that failed has yet to say why: the kernel ends it if it can't. */
function leaveProcess(exitCode: number): void {
  if (underWay === 0) return;
  const koffi = createRequire(import.meta.url)('koffi') as typeof import('koffi');
  const libc = koffi.load(null);
  if (exitCode === 0) libc.func('_exit', 'void', ['int'])(exitCode);
  else libc.func('alarm', 'uint', ['uint'])(LAST_WORDS_S);
}
