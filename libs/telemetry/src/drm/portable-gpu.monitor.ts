import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createRequire } from 'node:module';

import { limits } from '#contracts';
import type { Clock } from '#service-kit';

import { clip } from '../clip.js';
import type { Contribution, GpuObservation, Monitor } from '../monitor.js';
import { unknownGpu } from '../unknown-gpu.js';
import { PORTABLE_GPU_PROGRAM } from './portable-gpu-program.js';

/** It starts other programs, and some take seconds. */
const BUDGET_MS = 20_000;
/** What it tells does not change while a machine runs, but for a card outside of it. */
const ASK_AGAIN_MS = 60_000;
const ANSWER_BYTES_MAX = 256 * 1024;

/** Starts the child that prints the controllers as JSON; tests give another. */
export type StartGraphicsQuery = () => ChildProcess;

/**
 * Which graphics cards there are where the kernel has no files to tell: on macOS and Windows, name and memory as
 * `systeminformation` finds them, nothing that moves. NVIDIA's cards are another monitor's. One child at a time, with
 * a deadline: what it runs can hang in a driver, and then no other is started before it has ended.
 */
export function portableGpuMonitor(clock: Clock, start: StartGraphicsQuery = startGraphicsQuery): Monitor {
  let gpus: readonly GpuObservation[] | undefined;
  let askedAtMs = -Infinity;
  let child: ChildProcess | undefined;
  return {
    name: 'graphics',
    budgetMs: BUDGET_MS,
    async read(signal): Promise<Contribution | 'absent'> {
      const isDue = gpus === undefined || clock.monotonicMs() - askedAtMs >= ASK_AGAIN_MS;
      if (isDue) {
        if (child !== undefined) throw new Error('wedged: an earlier query of the graphics cards has not ended');
        const query = (child = start());
        query.once('close', () => (child = undefined));
        gpus = controllersOf(await answerOf(query, signal));
        askedAtMs = clock.monotonicMs();
      }
      const ageMs = clock.monotonicMs() - askedAtMs;
      return gpus === undefined || gpus.length === 0 ? 'absent' : { gpus: gpus.map((gpu) => ({ ...gpu, ageMs })) };
    },
    [Symbol.dispose]: () => child !== undefined && kill(child),
  };
}

function startGraphicsQuery(): ChildProcess {
  const packagePath = createRequire(import.meta.url).resolve('systeminformation');
  return spawn(process.execPath, ['--input-type=commonjs', '--eval', PORTABLE_GPU_PROGRAM, packagePath], {
    detached: process.platform !== 'win32',
    stdio: ['ignore', 'pipe', 'ignore'],
    windowsHide: true,
  });
}

async function answerOf(child: ChildProcess, signal: AbortSignal): Promise<string> {
  const onAbort = (): void => kill(child);
  signal.addEventListener('abort', onAbort, { once: true });
  let answer = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    if (answer.length + text.length > ANSWER_BYTES_MAX) kill(child);
    else answer += text;
  });
  try {
    const [code, killedBy] = (await once(child, 'close', { signal })) as unknown[];
    if (code === 0) return answer;
    throw new Error(`the query of the graphics cards ended (${String(code ?? killedBy)})`);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

/** With all that it runs, where the platform has process groups. */
function kill(child: ChildProcess): void {
  if (child.pid === undefined) return;
  try {
    process.kill(process.platform === 'win32' ? child.pid : -child.pid, 'SIGKILL');
  } catch {
    // It has ended already.
  }
}

function controllersOf(answer: string): readonly GpuObservation[] {
  const controllers: unknown = JSON.parse(answer);
  if (!Array.isArray(controllers)) throw new Error('the query of the graphics cards gave no list');
  return controllers
    .slice(0, limits.GPUS_PER_HIVE_MAX)
    .map((controller: unknown) => gpuOf(controller))
    .filter((gpu) => gpu !== null);
}

function gpuOf(controller: unknown): GpuObservation | null {
  if (typeof controller !== 'object' || controller === null) return null;
  const known = new Map(Object.entries(controller) as [string, unknown][]);
  const text = (key: string): string => {
    const value = known.get(key);
    return typeof value === 'string' ? clip(value.trim()) : '';
  };
  const [vendor, name, vram] = [text('vendor'), text('model'), known.get('vram')];
  if (/nvidia/i.test(vendor) || (vendor === '' && name === '')) return null;
  // Memory that is shared with the machine is no number of the card's own.
  const isOwn = typeof vram === 'number' && vram > 0 && known.get('vramDynamic') !== true;
  return unknownGpu({
    vendor: vendor === '' ? 'unknown' : vendor,
    source: 'systeminformation',
    name: name === '' ? null : name,
    vram_total_mb: isOwn ? vram : null,
  });
}
