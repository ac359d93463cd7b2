import { type DynamicModule, type LoggerService, Module } from '@nestjs/common';
import type { NestExpressApplication } from '@nestjs/platform-express';

import { Clock, createApp, HealthController, HealthSource, ShutdownGate, SystemClock, VERSION } from '#service-kit';
import { createMonitors, MonitorRunner, readMachineFacts } from '#telemetry';

import { QueenAnnouncer } from './announce/queen-announcer.js';
import { CapabilitiesController } from './capabilities/capabilities.controller.js';
import { HIVE_CONFIG, type HiveConfig } from './config/hive-config.js';
import { HiveHealth } from './hive-health.js';
import { HiveIdentity } from './identity/hive-identity.js';
import { QueenReaders } from './readers/queen-readers.js';
import { HiveSampler, MACHINE_FACTS, MONITOR_RUNNERS } from './sampling/hive-sampler.js';
import { HeartbeatStreamController } from './stream/heartbeat-stream.controller.js';

/** A reading older than this many intervals is stale. */
const STALE_INTERVALS = 1.5;

/** The hive's composition root. */
@Module({})
export class HiveModule {
  static with(config: HiveConfig): DynamicModule {
    return {
      module: HiveModule,
      controllers: [HeartbeatStreamController, CapabilitiesController, HealthController],
      providers: [
        { provide: HIVE_CONFIG, useValue: config },
        { provide: Clock, useClass: SystemClock },
        { provide: MACHINE_FACTS, useFactory: readMachineFacts },
        { provide: MONITOR_RUNNERS, useFactory: (clock: Clock) => createRunners(config, clock), inject: [Clock] },
        { provide: HealthSource, useClass: HiveHealth },
        ShutdownGate,
        HiveIdentity,
        QueenReaders,
        HiveSampler,
        QueenAnnouncer,
      ],
    };
  }
}

function createRunners(config: HiveConfig, clock: Clock): readonly MonitorRunner[] {
  const staleAfterMs = config.intervalMs * STALE_INTERVALS;
  return createMonitors(config, clock).map((monitor) => new MonitorRunner(monitor, clock, staleAfterMs));
}

/** The hive as an app that does not listen yet. */
export const createHive = (config: HiveConfig, logger: LoggerService | false): Promise<NestExpressApplication> =>
  createApp(
    HiveModule.with(config),
    { title: 'Apiary hive', description: 'Live telemetry of one machine', version: VERSION },
    logger,
  );
