import { type DynamicModule, type LoggerService, Module } from '@nestjs/common';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { ScheduleModule } from '@nestjs/schedule';

import {
  Clock,
  createApp,
  HealthController,
  HealthSource,
  Pulse,
  ShutdownGate,
  SystemClock,
  VERSION,
} from '#service-kit';

import { QUEEN_CONFIG, type QueenConfig } from './config/queen-config.js';
import { DirectoryController } from './directory/directory.controller.js';
import { DirectoryMemory } from './directory/directory-memory.js';
import { HiveDirectory } from './directory/hive-directory.js';
import { DiscoveryReport } from './discovery/discovery-report.js';
import { DiscoveryController } from './discovery/discovery.controller.js';
import { HostAsker } from './discovery/host-asker.js';
import { SshConfigDiscovery } from './discovery/ssh-config-discovery.js';
import { FanOut } from './fleet/fan-out.js';
import { FleetFeed } from './fleet/fleet-feed.js';
import { FleetStreamController } from './fleet/fleet-stream.controller.js';
import { FleetController } from './fleet/fleet.controller.js';
import { WorkersController } from './fleet/workers.controller.js';
import { QueenIdentity } from './identity/queen-identity.js';
import { QueenHealth } from './queen-health.js';
import { ReadyController } from './ready/ready.controller.js';
import { TelemetryRegistry } from './registry/telemetry-registry.js';
import { DialGate } from './subscriptions/dial-gate.js';
import { HiveSubscriberService } from './subscriptions/hive-subscriber.service.js';

/** The queen's composition root. */
@Module({})
export class QueenModule {
  static with(config: QueenConfig): DynamicModule {
    return {
      module: QueenModule,
      imports: [ScheduleModule.forRoot()],
      controllers: [
        ReadyController,
        FleetStreamController,
        FleetController,
        WorkersController,
        DirectoryController,
        DiscoveryController,
        HealthController,
      ],
      providers: [
        { provide: QUEEN_CONFIG, useValue: config },
        { provide: Clock, useClass: SystemClock },
        { provide: HealthSource, useClass: QueenHealth },
        ShutdownGate,
        Pulse,
        QueenIdentity,
        HiveDirectory,
        DirectoryMemory,
        HostAsker,
        DiscoveryReport,
        SshConfigDiscovery,
        DialGate,
        HiveSubscriberService,
        TelemetryRegistry,
        FleetFeed,
        FanOut,
      ],
    };
  }
}

/** The queen as an app that does not listen yet. */
export const createQueen = (config: QueenConfig, logger: LoggerService | false): Promise<NestExpressApplication> =>
  createApp(
    QueenModule.with(config),
    { title: 'Apiary queen', description: 'Live telemetry of a fleet', version: VERSION },
    logger,
  );
