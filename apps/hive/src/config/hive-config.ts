import { existsSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';

import { hiveIdFault, limits } from '#contracts';
import {
  choiceSetting,
  integerSetting,
  listenSettings,
  loadSettings,
  originSetting,
  type Settings,
  settingsHelp,
  type SettingsSource,
  switchSetting,
  textSetting,
} from '#service-kit';
import { GPU_BACKENDS, type GpuBackend } from '#telemetry';

/** All settings of a hive, checked and frozen. */
export interface HiveConfig {
  readonly host: string;
  /** 0 picks a free one. */
  readonly port: number;
  readonly hiveId: string;
  /** Where a queen reaches this hive; worked out from the route to the queen if undefined. */
  readonly publicUrl: string | undefined;
  /** The queen to announce to; a hive can stand alone. */
  readonly queenUrl: string | undefined;
  readonly intervalMs: number;
  readonly cgroupRoot: string;
  readonly cgroupSlice: string;
  readonly procRoot: string;
  readonly sysRoot: string;
  readonly gpuBackend: GpuBackend;
  /** Path of the `nvidia-smi` to run; the one on the PATH if undefined. */
  readonly nvidiaSmi: string | undefined;
  /** The operating system's PATH. */
  readonly path: string;
  readonly nvmlLibrary: string;
  /** The operating system's LD_LIBRARY_PATH. */
  readonly libraryPath: string;
  readonly pcieThroughput: boolean;
  readonly engineMetrics: boolean;
}

/** Injection token of the `HiveConfig`. */
export const HIVE_CONFIG = Symbol('HiveConfig');

const CONFIG_ENV = 'HIVE_CONFIG';

/** A host name may hold what an id may not. */
const defaultHiveId = (): string =>
  hostname()
    .replace(/[^A-Za-z0-9._-]/g, '-')
    .slice(0, limits.HIVE_ID_LENGTH_MAX) || 'hive';

const SETTINGS: Settings<HiveConfig> = {
  ...listenSettings('HIVE', 7835),
  hiveId: textSetting({
    env: 'HIVE_ID',
    flag: 'id',
    help: 'name of this hive in the fleet',
    fallback: defaultHiveId(),
    fault: hiveIdFault,
  }),
  publicUrl: originSetting({
    env: 'HIVE_URL',
    flag: 'public-url',
    help: 'where queens reach this hive',
    fallback: undefined,
    shownDefault: 'derived from the route to the queen',
  }),
  queenUrl: originSetting({
    env: 'HIVE_QUEEN_URL',
    flag: 'queen-url',
    help: 'queen to announce to',
    fallback: undefined,
  }),
  intervalMs: integerSetting({
    env: 'HIVE_INTERVAL_MS',
    flag: 'interval-ms',
    help: 'time between samples',
    fallback: 1000,
    min: limits.INTERVAL_MS_MIN,
    max: limits.INTERVAL_MS_MAX,
  }),
  cgroupRoot: textSetting({
    env: 'HIVE_CGROUP_ROOT',
    flag: 'cgroup-root',
    help: 'where cgroup v2 is mounted',
    fallback: '/sys/fs/cgroup',
  }),
  cgroupSlice: textSetting({
    env: 'HIVE_CGROUP_SLICE',
    flag: 'cgroup-slice',
    help: 'slice that holds the workers, as SLICE/GROUP/INSTANCE',
    fallback: 'rbee.slice',
  }),
  procRoot: textSetting({
    env: 'HIVE_PROC_ROOT',
    flag: 'proc-root',
    help: 'where proc is mounted',
    fallback: '/proc',
    fault: (root) => (existsSync(join(root, 'stat')) ? undefined : 'is no proc file system'),
  }),
  sysRoot: textSetting({ env: 'HIVE_SYS_ROOT', flag: 'sys-root', help: 'where sysfs is mounted', fallback: '/sys' }),
  gpuBackend: choiceSetting({
    env: 'HIVE_GPU_BACKEND',
    flag: 'gpu-backend',
    help: 'how NVIDIA cards are read: auto takes the best that works, demo shows made-up cards, none reads no GPU',
    choices: GPU_BACKENDS,
    fallback: 'auto',
  }),
  nvmlLibrary: textSetting({
    env: 'HIVE_NVML_LIBRARY',
    flag: 'nvml-library',
    help: 'NVIDIA management library',
    fallback: 'libnvidia-ml.so.1',
  }),
  libraryPath: textSetting({
    env: 'LD_LIBRARY_PATH',
    flag: 'library-path',
    help: 'folders in which the library is looked for first',
    fallback: '',
    shownDefault: 'none',
  }),
  pcieThroughput: switchSetting({
    env: 'HIVE_PCIE_THROUGHPUT',
    flag: 'pcie-throughput',
    help: 'read the PCIe throughput of NVIDIA cards, which takes tens of ms a card: on or off',
    fallback: false,
  }),
  engineMetrics: switchSetting({
    env: 'HIVE_ENGINE_METRICS',
    flag: 'engine-metrics',
    help: 'ask inference servers on this machine for model, requests and tokens: on or off',
    fallback: true,
  }),
  nvidiaSmi: textSetting({
    env: 'HIVE_NVIDIA_SMI',
    flag: 'nvidia-smi',
    help: 'path of nvidia-smi',
    fallback: undefined,
    shownDefault: 'nvidia-smi on the PATH',
  }),
  path: textSetting({
    env: 'PATH',
    flag: 'path',
    help: 'folders in which nvidia-smi is looked for',
    fallback: '/usr/local/bin:/usr/bin:/bin',
  }),
};

/** The text of `apiary hive --help`. */
export const hiveHelp = (): string =>
  settingsHelp('apiary hive', "Apiary's agent: streams the telemetry of this machine.", SETTINGS, CONFIG_ENV);

/** Reads the settings of a hive. Throws `CONFIG_INVALID` with one sentence that names what makes no sense. */
export const loadHiveConfig = (source: SettingsSource): HiveConfig => loadSettings(SETTINGS, CONFIG_ENV, source);
