import { existsSync } from 'node:fs';
import { join } from 'node:path';

import type { Clock } from '#service-kit';

import { otherGpuMonitor } from './drm/other-gpus.js';
import { EnginesMonitor } from './engines/engines.monitor.js';
import { cpuTemperatureMonitor } from './machine/cpu-temperature.monitor.js';
import { cpuMonitor } from './machine/cpu.monitor.js';
import { diskMonitor } from './machine/disk.monitor.js';
import { loadMonitor } from './machine/load.monitor.js';
import { memoryMonitor } from './machine/memory.monitor.js';
import { networkMonitor } from './machine/network.monitor.js';
import { portableMachineMonitor } from './machine/portable-machine.monitor.js';
import { pressureMonitor } from './machine/pressure.monitor.js';
import { uptimeMonitor } from './machine/uptime.monitor.js';
import type { Monitor } from './monitor.js';
import { nvidiaSources } from './nvidia/nvidia-backends.js';
import { NvidiaMonitor } from './nvidia/nvidia.monitor.js';
import { Sightings } from './sightings.js';
import { WorkersMonitor } from './workers/workers.monitor.js';

/** How the NVIDIA cards are read; `auto` takes the best that works. `none` reads no GPUs at all. */
export const GPU_BACKENDS = ['auto', 'nvml', 'nvidia-smi', 'demo', 'none'] as const;
export type GpuBackend = (typeof GPU_BACKENDS)[number];

/** Where the sensors are; the hive's settings fill it. */
export interface TelemetryConfig {
  /** Usually `/proc`. */
  readonly procRoot: string;
  /** Usually `/sys`. */
  readonly sysRoot: string;
  /** Where cgroup v2 is mounted, usually `/sys/fs/cgroup`. */
  readonly cgroupRoot: string;
  /** The cgroup below which every worker has its own, usually `rbee.slice`. */
  readonly cgroupSlice: string;
  readonly gpuBackend: GpuBackend;
  /** The executable, under any name; undefined looks for `nvidia-smi` on the PATH. */
  readonly nvidiaSmi: string | undefined;
  /** Where programs are looked for: the operating system's PATH. */
  readonly path: string;
  /** What the dynamic linker is asked for, usually `libnvidia-ml.so.1`. */
  readonly nvmlLibrary: string;
  /** Where the dynamic linker looks first: the operating system's LD_LIBRARY_PATH. */
  readonly libraryPath: string;
  /** PCIe throughput takes the driver tens of ms a card, so it is read only on request. */
  readonly pcieThroughput: boolean;
  /** Whether recognized inference servers are asked for their own numbers. */
  readonly engineMetrics: boolean;
  /** How often the hive samples: a file that takes longer to read is given up. */
  readonly intervalMs: number;
}

/** Every sensor of a hive, in reading order: a new one is one file and one line here. */
export function createMonitors(config: TelemetryConfig, clock: Clock): readonly Monitor[] {
  const sightings = new Sightings();
  return [
    ...machineMonitors(config, clock),
    new WorkersMonitor(config, clock, sightings, config.intervalMs),
    ...gpuMonitors(config, clock, sightings),
    ...(config.engineMetrics ? [new EnginesMonitor(sightings, clock, config.intervalMs)] : []),
  ];
}

/** Made-up cards stand for all of a machine: they are for trying things without a GPU. */
function gpuMonitors(config: TelemetryConfig, clock: Clock, sightings: Sightings): readonly Monitor[] {
  const nvidia = nvidiaSources(config, clock);
  if (nvidia === undefined) return [];
  const monitor = new NvidiaMonitor(nvidia, clock, sightings);
  return config.gpuBackend === 'demo' ? [monitor] : [monitor, otherGpuMonitor(config, clock, sightings)];
}

/** What the kernel's files tell; where there are none, what `systeminformation` makes of the platform. */
function machineMonitors(config: TelemetryConfig, clock: Clock): readonly Monitor[] {
  const { procRoot, sysRoot, intervalMs } = config;
  if (!existsSync(join(procRoot, 'stat'))) return [portableMachineMonitor(clock)];
  return [
    cpuMonitor(procRoot, intervalMs),
    memoryMonitor(procRoot, intervalMs),
    loadMonitor(procRoot, intervalMs),
    uptimeMonitor(procRoot, intervalMs),
    networkMonitor(procRoot, sysRoot, clock, intervalMs),
    diskMonitor(procRoot, sysRoot, clock, intervalMs),
    pressureMonitor(procRoot, intervalMs),
    cpuTemperatureMonitor(sysRoot, intervalMs),
  ];
}
