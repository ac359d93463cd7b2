export { composeSample, type ComposedSample } from './compose-sample.js';
export { devicesOf, type MachineFacts, readMachineFacts } from './machine-facts.js';
export {
  type Contribution,
  type GpuObservation,
  type GpuProcess,
  type Monitor,
  type MonitorOutcome,
  type WorkerObservation,
} from './monitor.js';
export { MonitorRunner } from './monitor-runner.js';
export { createMonitors, GPU_BACKENDS, type GpuBackend, type TelemetryConfig } from './monitors.js';
