export { BlackHole } from './black-hole.js';
export { amdgpuFdinfo, i915Fdinfo, xeFdinfo } from './drm-fdinfo.js';
export { DrmMachine } from './drm-machine.js';
export {
  addDrmCard,
  addDrmProcess,
  addKfd,
  ARC_A770,
  ARC_B580,
  gpuMetricsV13,
  HOST_PROC,
  type MadeCard,
  MI210,
  MI300X,
  removeDrmCard,
  RX_7900_XTX,
  UHD_770,
  VIRTIO_GPU,
} from './drm-trees.js';
export { engineCapture } from './engine-capture.js';
export { eventually } from './eventually.js';
export { FakeEngine, type FakeEngineOptions, type FakeEngineResponse } from './fake-engine.js';
export { FakeHive, type FakeHiveOptions } from './fake-hive.js';
export { FakeMachine, type FakeProcess } from './fake-machine.js';
export { type CallbackAnswer, FakeQueen } from './fake-queen.js';
export { FakeNvidiaSmi, nvidiaSmiCapture, type SmiPurpose } from './fake-nvidia-smi.js';
export { LightHive } from './light-hive.js';
export { ManualClock } from './manual-clock.js';
export { NvmlStub, type StubCard, type StubLines } from './nvml-stub.js';
export { STUB_H100, stubCardOf, type ToldOfCard } from './nvml-stub-cards.js';
export { sampleGpu, sampleTelemetry, sampleWorker } from './sample-telemetry.js';
export { type ProcessEnd, ServiceProcess, type ServiceSurroundings } from './service-process.js';
export { type ProbedEvent, SseProbe } from './sse-probe.js';
export { Swarm, type SwarmOptions } from './swarm.js';
export { type RunningApp, startApp } from './start-app.js';
export { TempTree, type TreeFiles } from './temp-tree.js';
