export { eventually } from './eventually.js';
export { FakeHive, type FakeHiveOptions } from './fake-hive.js';
export { type CallbackAnswer, FakeQueen } from './fake-queen.js';
export { FakeNvidiaSmi, nvidiaSmiCapture } from './fake-nvidia-smi.js';
export { ManualClock } from './manual-clock.js';
export { sampleGpu, sampleTelemetry, sampleWorker } from './sample-telemetry.js';
export { type ProcessEnd, ServiceProcess } from './service-process.js';
export { type ProbedEvent, SseProbe } from './sse-probe.js';
export { type RunningApp, startApp } from './start-app.js';
