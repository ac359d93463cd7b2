export { type Capabilities, decodeCapabilities, type Device } from './capabilities.js';
export { type Collection, type CollectionStatus, type MonitorReport, type MonitorStatus } from './collection.js';
export { decodeDirectory, type RememberedHive } from './directory.js';
export {
  DISCOVERY_OUTCOMES,
  type DiscoveredHost,
  type DiscoveryOutcome,
  type DiscoveryView,
  SSH_CONFIG_STATUSES,
  type SshConfigStatus,
} from './discovery.js';
export { ApiaryError, type ApiaryErrorCode, describeError, type ErrorBody, type FieldErrors } from './errors.js';
export {
  type Connection,
  FLEET_EVENT_TYPES,
  type FleetEvent,
  fleetEventName,
  type FleetWorker,
  type FoundBy,
  type Health,
  type HiveStateEvent,
  type HiveTelemetryEvent,
  type HiveView,
  type LagEvent,
  type QueenEvent,
  type SnapshotEvent,
} from './fleet.js';
export {
  type EccErrors,
  type GpuProcessReading,
  type GpuProcessState,
  type GpuReading,
  type GpuState,
  type MigDevice,
  type RemappedRows,
} from './gpu.js';
export { hiveIdFault } from './hive-id.js';
export { type HiveHealthStatus, type HiveInfo, type OperationalStatus } from './hive-info.js';
export * as limits from './limits.js';
export { type NodeReading, type PressureReading } from './node.js';
export { originFault, parseOrigin } from './origin.js';
export { decodeReadyAnswer, type ReadyAnswer, type ReadyRequest, type SubscriptionOutcome } from './ready.js';
export { type ClosingEvent, decodeTelemetry, decodeTelemetryText, type TelemetryEvent } from './telemetry.js';
export {
  type ContainerReading,
  type EngineMetrics,
  type ModelSource,
  type WorkerFoundBy,
  type WorkerReading,
  type WorkerState,
} from './worker.js';
