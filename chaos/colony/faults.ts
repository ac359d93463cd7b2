import { SseProbe } from '#testing';

import { HOSTILE } from '../harness/hostile.js';
import { lasting } from '../harness/lasting.js';
import type { SeededRandom } from '../harness/random.js';
import { announce, type Service } from '../harness/service.js';
import type { Colony } from './colony.js';

/** Something that is about to happen. */
export interface Misfortune {
  readonly what: string;
  /** To whom: the same one can't be killed twice at once. */
  readonly whom: string;
  /** May leave its victim hurt. */
  run(): Promise<void>;
}

/** A kind of misfortune; picks its victim when it is drawn, not when it happens. */
export type Fault = (colony: Colony, random: SeededRandom) => Misfortune;

const KINDS = Object.keys(HOSTILE) as (keyof typeof HOSTILE)[];
const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;

/** It may have been killed meanwhile by something else that went wrong. */
function thaw(service: Service): void {
  if (service.running) service.process.thaw();
}

const killHive: Fault = (colony, random) => {
  const { hive, hiveId } = random.pick(colony.real);
  const [signal, awayMs] = [random.pick(['SIGKILL', 'SIGTERM'] as const), random.between(0, 5_000)];
  return {
    whom: hiveId,
    what: `${signal} ${hiveId}, back after ${seconds(awayMs)}`,
    async run() {
      if (!hive.running) return;
      await hive.kill(signal);
      await lasting(awayMs);
      await hive.start();
    },
  };
};

const moveHive: Fault = (colony, random) => {
  const { hive, hiveId } = random.pick(colony.real.filter(({ path }) => path === undefined));
  return {
    whom: hiveId,
    what: `SIGKILL ${hiveId}, back on another port`,
    async run() {
      if (!hive.running) return;
      await hive.kill();
      await hive.startElsewhere();
    },
  };
};

const freezeHive: Fault = (colony, random) => {
  const { hive, hiveId } = random.pick(colony.real);
  const forMs = random.between(500, 9_000);
  return {
    whom: hiveId,
    what: `SIGSTOP ${hiveId} for ${seconds(forMs)}`,
    async run() {
      if (!hive.running) return;
      hive.process.freeze();
      await lasting(forMs);
      thaw(hive);
    },
  };
};

const killQueen: Fault = (colony, random) => {
  const [signal, awayMs] = [random.pick(['SIGKILL', 'SIGTERM'] as const), random.between(0, 5_000)];
  return {
    whom: 'the queen',
    what: `${signal} the queen, back after ${seconds(awayMs)}`,
    async run() {
      if (!colony.queen.running) return;
      await colony.queen.kill(signal);
      await lasting(awayMs);
      await colony.queen.start();
    },
  };
};

const freezeQueen: Fault = (colony, random) => {
  const forMs = random.between(500, 10_000);
  return {
    whom: 'the queen',
    what: `SIGSTOP the queen for ${seconds(forMs)}`,
    async run() {
      if (!colony.queen.running) return;
      colony.queen.process.freeze();
      await lasting(forMs);
      thaw(colony.queen);
    },
  };
};

const hurtPath: Fault = (colony, random) => {
  const { path, hiveId } = random.pick(colony.real.filter((resident) => resident.path !== undefined));
  const forMs = random.between(1_000, 12_000);
  const toxics = random.pick([
    { cut: true },
    { refusing: true },
    { latencyMs: 200, jitterMs: 800 },
    { pieceBytes: 1 },
    { pieceBytes: 200, pieceGapMs: 50 },
  ]);
  const sudden = random.pick(['nothing', 'a reset', 'a half-close'] as const);
  return {
    whom: hiveId,
    what: `path of ${hiveId}: ${JSON.stringify(toxics)} and ${sudden} for ${seconds(forMs)}`,
    async run() {
      if (path === undefined) return;
      Object.assign(path.toxics, toxics);
      if (sudden === 'a reset') path.reset();
      if (sudden === 'a half-close') path.closeHalf();
      await lasting(forMs);
      path.heal();
    },
  };
};

const turnBad: Fault = (colony, random) => {
  const resident = random.pick(colony.fake);
  const [kind, forMs] = [random.pick(KINDS), random.between(1_000, 8_000)];
  return {
    whom: resident.hiveId,
    what: `${resident.hiveId} ${kind} for ${seconds(forMs)}`,
    async run() {
      resident.turnBad(kind);
      await lasting(forMs);
    },
  };
};

const jumpClock: Fault = (colony, random) => {
  const { fake, hiveId } = random.pick(colony.fake);
  const hours = random.pick([-8_760, -1, 1, 8_760]);
  return {
    whom: hiveId,
    what: `the clock of ${hiveId} jumps by ${hours} h`,
    run() {
      fake.beat({ timestamp: new Date(Date.now() + hours * 3_600_000).toISOString() });
      return Promise.resolve();
    },
  };
};

const callOften: Fault = (colony, random) => {
  const { hiveId, url } = random.pick(colony.residents);
  return {
    whom: hiveId,
    what: `50 callbacks for ${hiveId} at once`,
    async run() {
      const body = { hive_id: hiveId, hive_url: url };
      await Promise.all(Array.from({ length: 50 }, () => announce(colony.queen.url, body).catch(() => undefined)));
    },
  };
};

const contest: Fault = (colony, random) => {
  const [one, other] = [random.pick(colony.residents), random.pick(colony.residents)];
  return {
    whom: one.hiveId,
    what: `somebody at the URL of ${other.hiveId} claims to be ${one.hiveId}`,
    async run() {
      const body = { hive_id: one.hiveId, hive_url: other.url, boot_id: 'somebody' };
      await announce(colony.queen.url, body).catch(() => undefined);
    },
  };
};

const crowd: Fault = (colony, random) => {
  const [count, forMs] = [random.between(5, 40), random.between(500, 4_000)];
  return {
    whom: 'the viewers',
    what: `${count} viewers for ${seconds(forMs)}, half of which do not read`,
    async run() {
      const viewers = Array.from({ length: count }, () => new SseProbe(`${colony.queen.url}/v1/heartbeats/stream`));
      viewers.filter((_, index) => index % 2 === 0).forEach((viewer) => viewer.pause());
      await lasting(forMs);
      for (const viewer of viewers) viewer[Symbol.dispose]();
    },
  };
};

/** All of them, each as likely as the others. */
export const FAULTS: readonly Fault[] = [
  ...[killHive, moveHive, freezeHive, killQueen, freezeQueen, hurtPath],
  ...[turnBad, jumpClock, callOften, contest, crowd],
];
