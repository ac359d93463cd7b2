import type { LoggerService } from '@nestjs/common';

import type { HiveView } from '#contracts';
import { eventually, type RunningApp, startApp, TempTree } from '#testing';

import { loadQueenConfig } from '../src/config/queen-config.js';
import { createQueen } from '../src/queen.module.js';

/** A queen in this process, on a free port, that remembers nothing and looks for no hives by itself. */
export async function startQueen(
  flags: readonly string[] = [],
  logger: LoggerService | false = false,
): Promise<RunningApp> {
  const state = new TempTree();
  const argv = ['--ssh-config', '/nonexistent', '--state-dir', state.root, ...flags];
  const running = await startApp(() => createQueen(loadQueenConfig({ argv, env: {} }), logger));
  return {
    ...running,
    [Symbol.asyncDispose]: async () => {
      await running[Symbol.asyncDispose]();
      state[Symbol.dispose]();
    },
  };
}

/** What the queen says of all its hives. */
export async function hivesOf(queenUrl: string): Promise<readonly HiveView[]> {
  const response = await fetch(`${queenUrl}/v1/hives`);
  return ((await response.json()) as { hives: readonly HiveView[] }).hives;
}

/** Waits until one hive looks as wanted. */
export async function hiveThat(
  queenUrl: string,
  hiveId: string,
  wanted: (hive: HiveView) => boolean,
  what: string,
): Promise<HiveView> {
  let last: HiveView | undefined;
  try {
    return await eventually(`${hiveId} ${what}`, async () => {
      last = (await hivesOf(queenUrl)).find(({ hive_id }) => hive_id === hiveId);
      return last !== undefined && wanted(last) && last;
    });
  } catch (cause) {
    throw new Error(`${hiveId} is not ${what}: ${JSON.stringify({ ...last, telemetry: undefined })}`, { cause });
  }
}

/** Collects what would be logged. */
export class LogProbe implements LoggerService {
  readonly warnings: string[] = [];
  readonly errors: string[] = [];

  log(): void {
    // Good news is not what a test looks for.
  }

  warn(message: unknown): void {
    this.warnings.push(String(message));
  }

  error(message: unknown): void {
    this.errors.push(String(message));
  }
}
