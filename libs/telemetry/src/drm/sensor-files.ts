import { closeSync, openSync, read } from 'node:fs';

import { enterDriver } from '../driver-calls.js';
import { kernelNumber } from '../kernel-files.js';
import { round } from '../rate.js';

/** What one attribute of sysfs may hold; the files of `fdinfo` are shorter. */
const FILE_BYTES_MAX = 4096;

/** The bytes of a file that a driver answers for; `undefined` where it has none to give. Never rejects. */
export type SensorReader = (path: string) => Promise<Buffer | undefined>;

/**
 * Reads in libuv's thread pool: a driver that hangs holds up one of its threads, not the process. Opening does not ask
 * the driver and is done at once, which halves the cost.
 */
export const readSensorFile: SensorReader = (path) =>
  new Promise((resolve) => {
    let file: number;
    try {
      file = openSync(path, 'r');
    } catch {
      resolve(undefined);
      return;
    }
    const leftDriver = enterDriver();
    read(file, Buffer.allocUnsafe(FILE_BYTES_MAX), 0, FILE_BYTES_MAX, 0, (error, length, bytes) => {
      leftDriver();
      closeSync(file);
      resolve(error === null ? bytes.subarray(0, length) : undefined);
    });
  });

/** A number outside of this is a broken sensor: unknown. */
export interface Plausible {
  /** What the file counts in one unit of the result, such as 1000 where it has thousandths. */
  readonly perUnit?: number;
  readonly min?: number;
  readonly max: number;
  readonly decimals?: number;
}

/** The files of the drivers' sensors, each asked when the one before has answered. */
export class SensorFiles {
  constructor(private readonly readFile: SensorReader = readSensorFile) {}

  async bytes(path: string | undefined): Promise<Buffer | undefined> {
    return path === undefined ? undefined : this.readFile(path);
  }

  async text(path: string | undefined): Promise<string | null> {
    return (await this.bytes(path))?.toString('utf8').trim() ?? null;
  }

  /** `null` for what is missing, no number, or not plausible. */
  async number(path: string | undefined, plausible: Plausible): Promise<number | null> {
    const { perUnit = 1, min = 0, max, decimals = 0 } = plausible;
    const value = kernelNumber((await this.text(path)) ?? undefined);
    if (value === null) return null;
    const inUnit = value / perUnit;
    return inUnit < min || inUnit > max ? null : round(inUnit, decimals);
  }
}
