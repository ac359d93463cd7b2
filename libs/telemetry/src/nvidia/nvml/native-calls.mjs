// @ts-check
/**
 * The thread that calls into a native library, so that a call which never returns stops nobody else. It is started by
 * its path, from the sources under the tests and from the build alike, and so it is no TypeScript.
 *
 * It knows nothing of the library: it gets a list of calls, makes them in order whenever it is told to, and leaves
 * their return codes and what they wrote in shared memory. See `CallPlan`, which makes the list and reads the memory.
 */
import { parentPort, workerData } from 'node:worker_threads';

import koffi from 'koffi';

/** @typedef {import('./call-plan.js').NativeCall} NativeCall */
/** @typedef {import('./call-plan.js').PlanMessage} PlanMessage */
/** @typedef {import('./native-thread.js').ThreadMessage} ThreadMessage */

/** By the letter that stands for them in `NativeCall.types`. @type {Record<string, string>} */
const TYPES = { p: 'void *', i: 'uint32', l: 'uint64' };

/** @type {import('./native-thread.js').ThreadData} */
const { library: path, missingCode, finalCodes, notMadeCode } = workerData;
const library = koffi.load(path);
const port = /** @type {import('node:worker_threads').MessagePort} */ (parentPort);

/** Makes the calls of the plan that was sent last. */
let makeCalls = () => {};

port.on('message', (/** @type {ThreadMessage} */ message) => {
  if (message.plan !== undefined) makeCalls = callsOf(message.plan);
  if (message.explain !== undefined) {
    const { fn, code } = message.explain;
    port.postMessage(library.func(fn, 'const char *', ['int'])(code));
    return;
  }
  makeCalls();
  port.postMessage(null);
  // Nothing is left to wait for: the thread ends, and with it goes the library.
  if (message.last) port.close();
});

/** @param {PlanMessage} plan */
function callsOf({ calls, memory, codes }) {
  const view = new DataView(memory);
  const base = koffi.address(new Uint8Array(memory));
  const made = calls.map((call) => functionOf(call, view, base));
  const results = new Int32Array(codes);
  const over = calls.map(() => false);
  const givenUp = (/** @type {number} */ index) => over[index] && finalCodes.includes(results[index] ?? 0);
  return () => {
    calls.forEach(({ once, after, instead }, index) => {
      if (over[index]) return;
      const wanted = (after === undefined || results[after] === 0) && (instead === undefined || givenUp(instead));
      const code = wanted ? (made[index]?.() ?? missingCode) : notMadeCode;
      results[index] = code;
      over[index] = finalCodes.includes(code) || (once === true && code === 0);
    });
  };
}

/**
 * @param {NativeCall} call
 * @param {DataView} view the memory of the plan
 * @param {bigint} base where that memory is
 * @returns {() => number}
 */
function functionOf({ names, types, args }, view, base) {
  const fn = names.map((name) => find(name, types)).find((found) => found !== undefined);
  if (fn === undefined) return () => missingCode;
  const given = args.map((arg) => {
    if (typeof arg !== 'object') return () => arg;
    if ('in' in arg) return () => view.getBigUint64(arg.in, true);
    const address = base + BigInt(arg.at);
    return () => address;
  });
  return () => fn(...given.map((value) => value()));
}

/**
 * @param {string} name
 * @param {string} types
 */
function find(name, types) {
  try {
    return library.func(
      name,
      'int',
      [...types].map((letter) => TYPES[letter] ?? 'void'),
    );
  } catch {
    return undefined;
  }
}
