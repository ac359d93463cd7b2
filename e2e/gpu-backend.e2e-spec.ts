import { afterEach, describe, expect, it } from '@jest/globals';

import type { GpuReading, MonitorReport, TelemetryEvent } from '#contracts';
import { eventually, FakeNvidiaSmi, NvmlStub, ServiceProcess, SseProbe, STUB_H100, TempTree } from '#testing';

/** How long each trouble lasts. */
const TROUBLE_MS = 10_000;
const INTERVAL_MS = 1_000;
/** A hive that is held up by its GPUs would miss far more than the jitter of a loaded machine. */
const LATE_MS = 700;
const BACK_MS = 40_000;

const open: (Disposable | AsyncDisposable)[] = [];

afterEach(async () => {
  for (const each of open.splice(0).reverse()) {
    if (Symbol.asyncDispose in each) await each[Symbol.asyncDispose]();
    else each[Symbol.dispose]();
  }
});

/** A real hive that nobody else's cards or workers disturb, and what it streams. */
async function startHive(...flags: readonly string[]): Promise<SseProbe> {
  const cgroup = new TempTree({ 'cgroup.controllers': 'cpu memory io\n', 'cgroup.procs': '' });
  const sys = new TempTree({ 'class/': '' });
  const hive = new ServiceProcess('hive', [
    ...['--port', '0', '--id', 'gpu-a', '--cgroup-root', cgroup.root, '--sys-root', sys.root],
    ...flags,
  ]);
  open.push(cgroup, sys, hive);
  const probe = new SseProbe(`${await hive.url()}/v1/heartbeats/stream`);
  open.push(probe);
  return probe;
}

async function startWith(capture: string): Promise<{ smi: FakeNvidiaSmi; probe: SseProbe }> {
  const smi = new FakeNvidiaSmi(capture);
  open.push(smi);
  return { smi, probe: await startHive('--gpu-backend', 'nvidia-smi', '--nvidia-smi', smi.path) };
}

const beats = (probe: SseProbe): readonly TelemetryEvent[] =>
  probe.ofType('telemetry').map(({ json }) => json as unknown as TelemetryEvent);

const cards = (probe: SseProbe): readonly GpuReading[] => beats(probe).at(-1)?.gpus ?? [];

const states = (probe: SseProbe): string => cards(probe).map(({ state }) => state).join(); // prettier-ignore

const report = (beat: TelemetryEvent | undefined): MonitorReport | undefined =>
  beat?.collection.monitors.find(({ name }) => name === 'nvidia');

/** Lets the trouble last, and gives the most runs of nvidia-smi that lived at one time meanwhile. */
async function last(smi: FakeNvidiaSmi): Promise<number> {
  const endMs = performance.now() + TROUBLE_MS;
  let most = 0;
  while (performance.now() < endMs) {
    most = Math.max(most, smi.alive().length);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return most;
}

const WORDS = "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver.";

/** What goes wrong, and what the card is called while it does. */
const TROUBLES: readonly (readonly [mode: string, meaning: string, state: string, monitor: string])[] = [
  ['hang', 'hangs for ever and ignores SIGTERM', 'wedged', 'stale'],
  ['half-line', 'prints half a line and stops', 'wedged', 'stale'],
  [`fail ${WORDS}`, 'prints an error on stdout and exits', 'wedged', 'failed'],
  ['exit 1', 'exits 1 after each answer', 'ok', 'ok'],
  ['truncated', 'ends in the middle of a line', 'wedged', 'failed'],
  ['garble ERROR: something happened', 'prints an error on stdout and goes on', 'ok', 'ok'],
];

describe('a hive whose nvidia-smi', () => {
  it.each(TROUBLES)(
    '%s: %s',
    async (mode, _meaning, state, status) => {
      const { smi, probe } = await startWith('tesla-t4');
      await eventually('the card is well', () => cards(probe)[0]?.processes?.length === 2);
      await eventually('only the stream runs', () => smi.alive().length === 1);
      const before = probe.events.length;
      smi.behave(mode);
      const most = await last(smi);
      const during = probe.events.slice(before);

      const events = during.map(({ json }) => json as unknown as TelemetryEvent);
      expect(events.length).toBeGreaterThanOrEqual(TROUBLE_MS / INTERVAL_MS - 1);
      expect(events.map(({ seq }) => seq)).toEqual(events.map((_, index) => events[0]!.seq + index));
      const gaps = during.slice(1).map(({ arrivedMs }, index) => arrivedMs - during[index]!.arrivedMs);
      expect(Math.max(...gaps)).toBeLessThan(INTERVAL_MS + LATE_MS);
      // Beside a stream that goes on, a short run asks for the processes.
      expect(most).toBeLessThanOrEqual(state === 'ok' ? 2 : 1);
      expect(events.at(-1)).toMatchObject({ gpus: [{ name: 'Tesla T4', state }] });
      expect(report(events.at(-1))).toMatchObject({ name: 'nvidia', status });
      const others = events.at(-1)!.collection.monitors.filter(({ name }) => name !== 'nvidia');
      expect(others.filter(({ status: fared }) => fared === 'stale' || fared === 'failed')).toEqual([]);
      if (state === 'wedged') expect(cards(probe)[0]?.age_ms).toBeGreaterThan(TROUBLE_MS / 2);

      smi.behave('play');
      await eventually('the card is back', () => report(beats(probe).at(-1))?.status === 'ok' && states(probe) === 'ok', BACK_MS); // prettier-ignore
      expect(cards(probe)[0]).toMatchObject({ vram_used_mb: 1032, age_ms: expect.any(Number) });
      for (const purpose of ['gpu', 'apps', 'xml'] as const) expect(smi.runs(purpose).overlapped).toBe(0);
    },
    TROUBLE_MS + BACK_MS + 20_000,
  );

  it('changes its count of cards', async () => {
    const { smi, probe } = await startWith('made-h100-v13');
    await eventually('both are well', () => states(probe) === 'ok,ok');
    smi.behave('cards 1');
    await eventually('one is lost', () => states(probe) === 'lost,ok');
    expect(cards(probe)[0]).toMatchObject({ pci_bus_id: '00000000:1B:00.0', vram_used_mb: null, util_pct: null });
    smi.behave('play');
    await eventually('it is back', () => states(probe) === 'ok,ok');
    expect(smi.runs('gpu')).toEqual({ started: 1, overlapped: 0 });
    const seqs = beats(probe).map(({ seq }) => seq);
    expect(seqs).toEqual(seqs.map((_, index) => seqs[0]! + index));
  });
});

describe('HIVE_GPU_BACKEND', () => {
  it('demo shows cards that no machine needs to have', async () => {
    const probe = await startHive('--gpu-backend', 'demo');
    await eventually('the cards', () => cards(probe).length === 8);
    expect(new Set(cards(probe).map(({ source }) => source))).toEqual(new Set(['demo']));
    expect(states(probe)).toBe(Array.from({ length: 8 }, () => 'ok').join());
    expect(beats(probe).at(-1)?.workers).toEqual([]);
  });

  it('none has no monitor of GPUs at all', async () => {
    const probe = await startHive('--gpu-backend', 'none');
    await eventually('a beat', () => beats(probe).length > 0);
    expect(report(beats(probe).at(-1))).toBeUndefined();
  });

  it('nvidia-smi without one fails with a word that names the setting', async () => {
    const probe = await startHive('--gpu-backend', 'nvidia-smi', '--path', '/nonexistent');
    const error = 'HIVE_GPU_BACKEND is nvidia-smi, but there is no nvidia-smi on the PATH';
    await eventually('a beat', () => report(beats(probe).at(-1))?.error === error);
  });

  const onCompiler = NvmlStub.hasCompiler ? it : it.skip;
  const reason = NvmlStub.hasCompiler ? '' : ' (skipped: no C compiler)';

  async function startAuto(stub: NvmlStub): Promise<{ smi: FakeNvidiaSmi; probe: SseProbe }> {
    const smi = new FakeNvidiaSmi('made-h100-v13');
    open.push(stub, smi);
    return { smi, probe: await startHive('--nvidia-smi', smi.path, '--nvml-library', stub.path) };
  }

  const sources = (probe: SseProbe): string => [...new Set(cards(probe).map(({ source }) => source))].join();

  onCompiler(
    `auto takes NVML, nvidia-smi while that fails, and says why${reason}`,
    async () => {
      const stub = new NvmlStub();
      stub.play([{ lines: STUB_H100 }]);
      const { smi, probe } = await startAuto(stub);
      await eventually('NVML', () => sources(probe) === 'nvml');
      expect(report(beats(probe).at(-1))?.hint).toBeUndefined();
      expect(smi.runs().started).toBe(0);
      stub.play([{ lines: STUB_H100 }], { init: 18, fail: 'nvmlDeviceGetCount_v2:999' });
      await eventually('nvidia-smi', () => sources(probe).includes('nvidia-smi'));
      expect(report(beats(probe).at(-1))).toMatchObject({
        status: 'ok',
        hint: 'read through nvidia-smi: NVML: Driver/library version mismatch',
      });
      expect(cards(probe)).toHaveLength(2);
      stub.play([{ lines: STUB_H100 }]);
      await eventually('NVML again', () => cards(probe)[0]?.source === 'nvml', BACK_MS);
      await eventually('no nvidia-smi is left', () => smi.alive().length === 0);
    },
    90_000,
  );

  onCompiler(
    `auto starts nothing beside an NVML that hangs${reason}`,
    async () => {
      const stub = new NvmlStub();
      stub.play([{ lines: STUB_H100 }]);
      const { smi, probe } = await startAuto(stub);
      await eventually('NVML', () => sources(probe) === 'nvml');
      const before = beats(probe).length;
      stub.play([{ lines: { ...STUB_H100, hang: 'nvmlDeviceGetTemperature' } }], { hang: 'nvmlDeviceGetCount_v2' });
      await eventually('the card is wedged', () => states(probe) === 'wedged', 15_000);
      expect(cards(probe)[0]).toMatchObject({ source: 'nvml', temp_c: 64 });
      expect(beats(probe).length - before).toBeGreaterThanOrEqual(5);
      expect(smi.runs().started).toBe(0);
      stub.play([{ lines: STUB_H100 }]);
      await eventually('it is back', () => states(probe) === 'ok');
    },
    60_000,
  );
});
