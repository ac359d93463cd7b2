import type { Clock } from '#service-kit';

import type { TelemetryConfig } from '../monitors.js';
import type { BackendChoice } from './backend-chooser.js';
import { DemoBackend } from './demo/demo.backend.js';
import { NvmlBackend } from './nvml/nvml-backend.js';
import { NvidiaSmiXmlBackend } from './smi/nvidia-smi-xml.backend.js';
import { NvidiaSmiBackend } from './smi/nvidia-smi.backend.js';
import type { NvidiaSources } from './nvidia.monitor.js';

const KMSG = '/dev/kmsg';

/** What a setting of `HIVE_GPU_BACKEND` reads the NVIDIA cards through; undefined where it reads none. */
export function nvidiaSources(config: TelemetryConfig, clock: Clock): NvidiaSources | undefined {
  const { gpuBackend, sysRoot } = config;
  const real = { demanded: `HIVE_GPU_BACKEND is ${gpuBackend}`, sysRoot, kmsg: KMSG };
  switch (gpuBackend) {
    case 'auto':
      return { ...real, demanded: undefined, choices: [nvmlChoice(config, clock), ...nvidiaSmiChoices(config, clock)] };
    case 'nvml':
      return { ...real, choices: [nvmlChoice(config, clock)] };
    case 'nvidia-smi':
      return { ...real, choices: nvidiaSmiChoices(config, clock) };
    case 'demo':
      return { ...real, choices: [demoChoice(clock)], kmsg: undefined, madeUp: true };
    case 'none':
      return undefined;
  }
}

function nvmlChoice(config: TelemetryConfig, clock: Clock): BackendChoice {
  const { nvmlLibrary, libraryPath, pcieThroughput, sysRoot } = config;
  const options = { library: nvmlLibrary, libraryPath, pcieThroughput, sysRoot };
  return { create: () => new NvmlBackend(options, clock), absence: `there is no ${nvmlLibrary}` };
}

function nvidiaSmiChoices(config: TelemetryConfig, clock: Clock): readonly BackendChoice[] {
  const { nvidiaSmi, path, intervalMs, sysRoot } = config;
  const location = { nvidiaSmi, path };
  const absence = 'there is no nvidia-smi on the PATH';
  return [
    { create: () => new NvidiaSmiBackend(location, intervalMs, sysRoot, clock), absence },
    { create: () => new NvidiaSmiXmlBackend(location), absence },
  ];
}

const demoChoice = (clock: Clock): BackendChoice => ({ create: () => new DemoBackend(clock), absence: '' });
