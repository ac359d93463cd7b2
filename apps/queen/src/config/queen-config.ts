import { homedir } from 'node:os';
import { join } from 'node:path';

import {
  integerSetting,
  listenSettings,
  loadSettings,
  originSetting,
  type Settings,
  settingsHelp,
  type SettingsSource,
  textSetting,
} from '#service-kit';

/** All settings of a queen, checked and frozen. */
export interface QueenConfig {
  readonly host: string;
  /** 0 picks a free one. */
  readonly port: number;
  /** Where hives reach this queen; worked out from the route to each hive if undefined. */
  readonly publicUrl: string | undefined;
  readonly sshConfig: string;
  readonly discoveryDelayMs: number;
  readonly discoveryIntervalMs: number;
  /** The port on which hives of the SSH configuration are looked for. */
  readonly hivePort: number;
  /** Where the directory is kept across restarts. */
  readonly stateDir: string;
  /** Hives that are dialled in one second, at most. */
  readonly dialsPerS: number;
  /** A hive that is gone for this long is forgotten. */
  readonly forgetAfterS: number;
  readonly maxViewers: number;
  /** Viewers get their events together in ticks of this length. */
  readonly tickMs: number;
  /** A viewer that is further behind than this gets only the latest of each hive. */
  readonly viewerBacklogBytes: number;
  readonly viewerBacklogMs: number;
}

/** Injection token of the `QueenConfig`. */
export const QUEEN_CONFIG = Symbol('QueenConfig');

const CONFIG_ENV = 'QUEEN_CONFIG';
const DAY_MS = 24 * 60 * 60 * 1000;

const SETTINGS: Settings<QueenConfig> = {
  ...listenSettings('QUEEN', 7833),
  publicUrl: originSetting({
    env: 'QUEEN_URL',
    flag: 'public-url',
    help: 'where hives reach this queen',
    fallback: undefined,
    shownDefault: 'derived from the route to each hive',
  }),
  sshConfig: textSetting({
    env: 'QUEEN_SSH_CONFIG',
    flag: 'ssh-config',
    help: 'SSH client configuration whose hosts are asked for hives; it is only read',
    fallback: join(homedir(), '.ssh', 'config'),
    shownDefault: '~/.ssh/config',
  }),
  discoveryDelayMs: integerSetting({
    env: 'QUEEN_DISCOVERY_DELAY_MS',
    flag: 'discovery-delay-ms',
    help: 'time from the start to the first look for hives',
    fallback: 5_000,
    min: 0,
    max: DAY_MS,
  }),
  discoveryIntervalMs: integerSetting({
    env: 'QUEEN_DISCOVERY_INTERVAL_MS',
    flag: 'discovery-interval-ms',
    help: 'time between two looks for hives',
    fallback: 60_000,
    min: 1_000,
    max: DAY_MS,
  }),
  hivePort: integerSetting({
    env: 'QUEEN_HIVE_PORT',
    flag: 'hive-port',
    help: 'port on which hosts of the SSH configuration are asked',
    fallback: 7835,
    min: 1,
    max: 65_535,
  }),
  stateDir: textSetting({
    env: 'QUEEN_STATE_DIR',
    flag: 'state-dir',
    help: 'folder that keeps the known hives across restarts',
    fallback: join(process.env['XDG_STATE_HOME'] || join(homedir(), '.local', 'state'), 'apiary'),
    shownDefault: '$XDG_STATE_HOME/apiary or ~/.local/state/apiary',
  }),
  dialsPerS: integerSetting({
    env: 'QUEEN_DIALS_PER_S',
    flag: 'dials-per-s',
    help: 'hives that are dialled in one second, at most',
    fallback: 200,
    min: 1,
    max: 10_000,
  }),
  forgetAfterS: integerSetting({
    env: 'QUEEN_FORGET_AFTER_S',
    flag: 'forget-after-s',
    help: 'a hive that is gone for this long is forgotten',
    fallback: 24 * 60 * 60,
    min: 1,
    max: 365 * 24 * 60 * 60,
  }),
  maxViewers: integerSetting({
    env: 'QUEEN_MAX_VIEWERS',
    flag: 'max-viewers',
    help: 'viewers that are served at the same time, at most',
    fallback: 10_000,
    min: 1,
    max: 1_000_000,
  }),
  tickMs: integerSetting({
    env: 'QUEEN_TICK_MS',
    flag: 'tick-ms',
    help: 'viewers get their events together in ticks of this length; a lone event does not wait',
    fallback: 20,
    min: 0,
    max: 1_000,
  }),
  viewerBacklogBytes: integerSetting({
    env: 'QUEEN_VIEWER_BACKLOG_BYTES',
    flag: 'viewer-backlog-bytes',
    help: 'a viewer that is further behind gets only the latest of each hive',
    fallback: 1024 * 1024,
    min: 64 * 1024,
    max: 256 * 1024 * 1024,
  }),
  viewerBacklogMs: integerSetting({
    env: 'QUEEN_VIEWER_BACKLOG_MS',
    flag: 'viewer-backlog-ms',
    help: 'likewise in time',
    fallback: 5_000,
    min: 100,
    max: 30_000,
  }),
};

/** The text of `apiary queen --help`. */
export const queenHelp = (): string =>
  settingsHelp('apiary queen', "Apiary's hub: merges the telemetry of all hives.", SETTINGS, CONFIG_ENV);

/** Reads the settings of a queen. Throws `CONFIG_INVALID` with one sentence that names what makes no sense. */
export const loadQueenConfig = (source: SettingsSource): QueenConfig => loadSettings(SETTINGS, CONFIG_ENV, source);
