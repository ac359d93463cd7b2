import { describe } from '@jest/globals';

import { eventually, SseProbe, TempTree } from '#testing';

import { NetworkFleet } from './harness/network-fleet.js';
import { Network, networksImpossible } from './harness/network.js';
import { lasting } from './harness/lasting.js';
import { Portal } from './harness/portal.js';
import { connectionsTo, connectionsWith, residentMbOf } from './harness/process-facts.js';
import { type Measures, scenario, type Scenario } from './harness/scenario.js';
import { announce, hiveOf, untilHealthy } from './harness/service.js';

const HIVE_PORT_URL = 'http://hive:7835';

/** A scenario that needs namespaces. */
const inNetwork = (plan: Scenario, run: (measures: Measures) => Promise<void>): void =>
  scenario({ ...plan, impossible: networksImpossible }, run);

interface Cut {
  readonly name: string;
  readonly lastsMs: number;
  readonly recoveredMs: number;
  readonly begin: (network: Network) => void;
  readonly end: (network: Network) => void;
}

async function cutFor({ lastsMs, recoveredMs, begin, end }: Cut, measures: Measures): Promise<void> {
  await using fleet = await NetworkFleet.start();
  const { network, watch } = fleet;
  await lasting(2_500);
  const cutMs = performance.now();
  const when = (what: string, wanted: Parameters<typeof watch.stateAfter>[2]): Promise<number> =>
    watch.stateAfter('a', what, wanted, { sinceMs: cutMs, deadlineMs: 15_000 });
  begin(network);
  measures.atMost('degraded', (await when('is degraded', ({ health }) => health !== 'healthy')) - cutMs, 4_000);
  const tornMs = await when('is torn down', ({ connection }) => connection !== 'connected');
  measures.atMost('torn down', tornMs - cutMs, 6_000);
  measures.atMost('down', (await when('is down', ({ health }) => health === 'down')) - cutMs, 11_000);
  await lasting(Math.max(0, lastsMs - (performance.now() - cutMs)));
  end(network);
  const healedMs = performance.now();
  const healthyMs = await watch.stateAfter('a', 'is healthy', ({ health }) => health === 'healthy', {
    sinceMs: healedMs,
    deadlineMs: recoveredMs + 10_000,
  });
  measures.atMost('healthy after it heals', healthyMs - healedMs, recoveredMs);
  await eventually('one connection', () => connectionsTo(fleet.queen.pid, HIVE_PORT_URL) === 1);
  measures.exactly('connections', connectionsTo(fleet.queen.pid, HIVE_PORT_URL), 1);
}

describe('a network that fails', () => {
  const silent = {
    begin: (network: Network) => network.cut('queen', 'hive'),
    end: (network: Network) => network.heal('queen', 'hive'),
  };
  const linkDown = {
    begin: (network: Network) => network.unplug('hive'),
    end: (network: Network) => network.plugIn('hive'),
  };
  const cuts: readonly (Cut & { long: boolean })[] = [
    { name: 'cut without FIN for 7 s', lastsMs: 7_000, recoveredMs: 6_000, long: false, ...silent },
    { name: 'cut without FIN for 15 s', lastsMs: 15_000, recoveredMs: 6_000, long: true, ...silent },
    { name: 'link of the hive down for 15 s', lastsMs: 15_000, recoveredMs: 6_000, long: true, ...linkDown },
    { name: 'cut without FIN for ten minutes', lastsMs: 600_000, recoveredMs: 31_000, long: true, ...silent },
  ];
  for (const cut of cuts) {
    const { name, lastsMs, long } = cut;
    inNetwork({ row: '4a', name, long, timeoutMs: lastsMs + 90_000 }, (measures) => cutFor(cut, measures));
  }

  inNetwork({ row: '4c', name: 'what the queen sends does not arrive, for 12 s', long: true }, (measures) =>
    cutFor(
      {
        name: 'one way',
        lastsMs: 12_000,
        recoveredMs: 6_000,
        begin: (network) => network.cutOneWay('queen', 'hive'),
        end: (network) => network.healOneWay('queen', 'hive'),
      },
      measures,
    ),
  );

  inNetwork({ row: '4c', name: 'the hive can call but its URL leads nowhere', long: true }, async (measures) => {
    const network = new Network(['queen', 'hive']);
    const address = network.alsoAt('hive');
    network.cutAddress(address);
    await using fleet = await NetworkFleet.on(network, ['--public-url', `http://${address}:7835`]);
    await fleet.queen.start();
    const listensMs = await fleet.hive.start();
    const { last_error, telemetry } = await eventually(
      'the queen says what is wrong',
      async () => {
        const view = await hiveOf(fleet.portal.url, 'a');
        return view.last_error !== null && view;
      },
      20_000,
    );
    measures.atMost('shown as unreachable', performance.now() - listensMs, 10_000);
    measures.tell('why', String(last_error));
    measures.exactly('telemetry shown', telemetry === null ? 'none' : 'some', 'none');
    await eventually('the hive says it too', () => fleet.hive.process.stderr.includes("can't read it"), 20_000);
    network.healAddress(address);
    const healedMs = performance.now();
    measures.atMost('live after it heals', (await fleet.watch.telemetryAfter('a', healedMs)) - healedMs, 6_000);
  });

  inNetwork({ row: '4a', name: 'bursts of loss: 0.4 s of every 2 s, for 20 s', long: true }, async (measures) => {
    await using fleet = await NetworkFleet.start();
    await untilHealthy(fleet.portal.url, ['a']);
    const fromMs = performance.now();
    for (let burst = 0; burst < 10; burst++) {
      fleet.network.cut('queen', 'hive');
      await lasting(400);
      fleet.network.heal('queen', 'hive');
      await lasting(1_600);
    }
    await fleet.watch.telemetryAfter('a', performance.now());
    measures.exactly('changes of state', fleet.watch.changesAfter(fromMs).length, 0);
    measures.exactly('samples missed', fleet.watch.gapsBetween('a', fromMs, performance.now()), 0);
    measures.exactly('connections', connectionsTo(fleet.queen.pid, HIVE_PORT_URL), 1);
  });

  inNetwork(
    { row: '4b', name: 'a viewer is cut off without FIN', long: true, timeoutMs: 700_000 },
    async (measures) => {
      const network = new Network(['queen', 'hive', 'viewer']);
      await using fleet = await NetworkFleet.on(network);
      await fleet.queen.start();
      await fleet.hive.start();
      await fleet.watch.telemetryAfter('a', 0);
      const { address } = network.host('queen');
      await using portal = await Portal.to(network.host('viewer'), 7833, address);
      using viewer = new SseProbe(`${portal.url}/v1/heartbeats/stream`);
      await viewer.waitFor('telemetry', ({ json }) => json['type'] === 'hive_telemetry');
      const memoryMb = residentMbOf(fleet.queen.pid);
      const held = (): number => connectionsWith(fleet.queen.pid, network.host('viewer').address);
      measures.exactly('connections before', held(), 1);
      network.cut('queen', 'viewer');
      const cutMs = performance.now();
      await eventually('the queen lets go of it', () => held() === 0, 650_000);
      measures.atMost('its connection is dropped', performance.now() - cutMs, 600_000);
      measures.noMore('memory of the queen grew by', residentMbOf(fleet.queen.pid) - memoryMb, 40, ' MiB');
      measures.exactly('samples that another viewer missed', fleet.watch.gapsBetween('a', cutMs, performance.now()), 0);
    },
  );

  inNetwork(
    { row: '9', name: 'the address of a running hive changes', long: true, timeoutMs: 400_000 },
    async (measures) => {
      await using fleet = await NetworkFleet.start();
      const address = fleet.network.readdress('hive');
      const changedMs = performance.now();
      const backMs = await fleet.watch.telemetryAfter('a', changedMs + 100, 380_000);
      measures.atMost('telemetry from its new address', backMs - changedMs, 15_000);
      const { hive_url } = await hiveOf(fleet.portal.url, 'a');
      measures.exactly('shown at its new address', hive_url, `http://${address}:7835`);
    },
  );

  inNetwork(
    { row: '21', name: 'eight hives whose names never resolve, and one with a numeric URL' },
    async (measures) => {
      const network = new Network(['queen', 'hive', 'nobody']);
      // Queries go to an address that swallows them: the resolver waits for its own timeouts.
      const resolver = network.alsoAt('nobody');
      network.cutAddress(resolver);
      network.resolveAt('queen', resolver);
      await using fleet = await NetworkFleet.on(network);
      await fleet.queen.start();
      const names = Array.from({ length: 8 }, (_, index) => `slow-${index}`);
      for (const name of names) {
        await announce(fleet.portal.url, { hive_id: name, hive_url: `http://${name}.invalid:7835` });
      }
      const listensMs = await fleet.hive.start();
      const liveMs = await fleet.watch.telemetryAfter('a', 0);
      measures.atMost('the ninth is live', liveMs - listensMs, 2_000);
      const answers = await Promise.all(names.map((name) => hiveOf(fleet.portal.url, name)));
      measures.exactly('slow ones that are live', answers.filter(({ telemetry }) => telemetry !== null).length, 0);
      await untilHealthy(fleet.portal.url, ['a']);
    },
  );

  inNetwork(
    { row: '21', name: '500 known hives that swallow every dial, and one that calls', long: true, timeoutMs: 120_000 },
    async (measures) => {
      const network = new Network(['queen', 'hive']);
      const address = network.alsoAt('hive');
      network.cutAddress(address);
      const hives = Array.from({ length: 500 }, (_, index) => ({
        ...{ hive_id: `gone-${index}`, hive_url: `http://${address}:${20_000 + index}` },
        ...{ boot_id: null, version: null, interval_ms: 1000 },
      }));
      using state = new TempTree({ 'queen-state.json': JSON.stringify({ schema: 1, hives }) });
      await using fleet = await NetworkFleet.on(network, [], { QUEEN_STATE_DIR: state.root });
      await fleet.queen.start();
      const listensMs = await fleet.hive.start();
      measures.atMost('it is read', (await fleet.watch.telemetryAfter('a', 0, 40_000)) - listensMs, 2_000);
      await fleet.hive.kill();
      const againMs = await fleet.hive.start();
      measures.atMost(
        'it is read after a restart',
        (await fleet.watch.telemetryAfter('a', againMs, 40_000)) - againMs,
        2_000,
      );
    },
  );
});
