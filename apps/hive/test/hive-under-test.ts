import { type RunningApp, startApp } from '#testing';

import { loadHiveConfig } from '../src/config/hive-config.js';
import { createHive } from '../src/hive.module.js';

/** A hive in this process, on a free port, that samples ten times a second. */
export const startHive = (flags: readonly string[] = []): Promise<RunningApp> => {
  const argv = ['--id', 'gpu-a', '--interval-ms', '100', ...flags];
  return startApp(() => createHive(loadHiveConfig({ argv, env: {} }), false));
};
