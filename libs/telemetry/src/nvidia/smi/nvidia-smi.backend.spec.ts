import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

import { afterEach, describe, expect, it } from '@jest/globals';

import { SystemClock } from '#service-kit';
import { eventually, FakeNvidiaSmi, ManualClock, nvidiaSmiCapture, TempTree } from '#testing';

import { inPciOrder } from '../../gpu-order.js';
import type { GpuObservation } from '../../monitor.js';
import { NvidiaSmiBackend } from './nvidia-smi.backend.js';
import { NvidiaSmiHelper } from './nvidia-smi-helper.js';
import { parseNvidiaSmi } from './nvidia-smi-parser.js';

const INTERVAL_MS = 100;
const CAPTURES = [
  'a100-sxm4-v12',
  'gtx-1070-ti',
  'made-h100-v13',
  'quadro-p400',
  'rtx-3060-v12',
  'rtx-3080-v12',
  'rtx-3090-v12',
  'tesla-t4',
];
const DAY_MS = 86_400_000;

type Gpus = readonly GpuObservation[];

const clock = new SystemClock();
const open: Disposable[] = [];

afterEach(() => {
  for (const each of open.splice(0).reverse()) each[Symbol.dispose]();
});

function setUp(
  capture: string,
  time = clock,
  sysRoot = '/nonexistent',
): { fake: FakeNvidiaSmi; backend: NvidiaSmiBackend } {
  const fake = new FakeNvidiaSmi(capture);
  const backend = new NvidiaSmiBackend({ nvidiaSmi: fake.path, path: '' }, INTERVAL_MS, sysRoot, time);
  open.push(fake, backend);
  return { fake, backend };
}

async function read(backend: NvidiaSmiBackend, signal = AbortSignal.timeout(10_000)): Promise<Gpus> {
  const gpus = await backend.read(signal);
  if (gpus === 'absent') throw new Error('absent');
  return gpus;
}

/** Reads as a hive does, again and again, until the cards are as wanted. */
const readUntil = (backend: NvidiaSmiBackend, what: string, wanted: (gpus: Gpus) => boolean): Promise<Gpus> =>
  eventually(what, async () => {
    const gpus = await read(backend);
    return wanted(gpus) ? gpus : undefined;
  });

const byPid = (gpu: GpuObservation | undefined): unknown =>
  gpu?.processes === null ? null : [...(gpu?.processes ?? [])].sort((a, b) => a.pid - b.pid);

describe('the same card through the stream and through the XML', () => {
  it.each(CAPTURES)('%s', async (capture) => {
    const { fake, backend } = setUp(capture);
    using helper = new NvidiaSmiHelper();
    const told = inPciOrder(parseNvidiaSmi(await helper.query(fake.path, AbortSignal.timeout(10_000))));
    const slices = (gpus: Gpus): number => gpus.flatMap(({ mig_devices }) => mig_devices).length;
    const gpus = inPciOrder(
      await readUntil(
        backend,
        'the slower details have come',
        (found) =>
          slices(found) === slices(told) &&
          inPciOrder(found).every((gpu, index) => gpu.processes?.length === told[index]?.processes?.length),
      ),
    );
    expect(gpus).toHaveLength(told.length);
    for (const [index, gpu] of gpus.entries()) {
      const { source, compute_capability, processes: _, ageMs, ...values } = gpu;
      const { source: xmlSource, compute_capability: untold, processes: __, ...expected } = told[index]!;
      expect(values).toEqual(expected);
      expect(byPid(gpu)).toEqual(byPid(told[index]));
      expect([source, xmlSource]).toEqual(['nvidia-smi', 'nvidia-smi -q -x']);
      expect([compute_capability, untold]).toEqual([expect.stringMatching(/^\d\.\d$/), null]);
      expect(ageMs).toBeLessThan(1_000);
    }
  });
});

describe('NvidiaSmiBackend', () => {
  it('reads again and again from one run, whose values move', async () => {
    const { fake, backend } = setUp('tesla-t4');
    expect(await read(backend)).toMatchObject([{ name: 'Tesla T4', vram_used_mb: 1032 }]);
    fake.playXml(nvidiaSmiCapture('tesla-t4').replace('<used>1032 MiB', '<used>2064 MiB'));
    await readUntil(backend, 'the new value', ([gpu]) => gpu?.vram_used_mb === 2064);
    expect(fake.runs('gpu')).toEqual({ started: 1, overlapped: 0 });
  });

  it('asks for processes once in 10 s, sooner when the memory in use has changed, and for XML once a minute', async () => {
    const time = new ManualClock();
    const { fake, backend } = setUp('made-h100-v13', time);
    const started = (): number[] => [fake.runs('apps').started, fake.runs('xml').started];
    const readUntilStarted = (apps: number, xml: number): Promise<unknown> =>
      readUntil(backend, `${apps} and ${xml} runs`, () => started().join() === `${apps},${xml}`);
    await readUntilStarted(1, 1);
    for (let s = 1; s <= 9; s++) {
      time.advance(1_000);
      await read(backend);
    }
    fake.playXml(nvidiaSmiCapture('made-h100-v13').replace('<used>75012 MiB', '<used>60000 MiB'));
    await readUntilStarted(2, 1);
    time.advance(9_000);
    await read(backend);
    time.advance(1_000);
    await readUntilStarted(3, 1);
    time.advance(40_900);
    await readUntilStarted(4, 1);
    time.advance(100);
    await readUntilStarted(4, 2);
    expect([fake.runs('apps').overlapped, fake.runs('xml').overlapped]).toEqual([0, 0]);
  });

  it('asks an nvidia-smi of another age without the fields that it does not know, or by their former names', async () => {
    const { fake, backend } = setUp('made-h100-v13');
    fake.behave('without compute_cap,clocks_event_reasons.active,remapped_rows.correctable,enforced.power.limit');
    const gpus = inPciOrder(await read(backend));
    expect(gpus[0]).toMatchObject({
      compute_capability: null,
      throttle_reasons: ['sw_power_cap', 'hw_thermal_slowdown'],
      remapped_rows: null,
      power_limit_w: 700,
      util_pct: 97,
    });
    expect(fake.runs('gpu')).toEqual({ started: 5, overlapped: 0 });
  });

  it.each(['fail', 'fail-stderr'])('tells why nvidia-smi failed, said by %s, and recovers', async (mode) => {
    const { fake, backend } = setUp('tesla-t4');
    const words = "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver.";
    fake.behave(`${mode} ${words}`);
    await expect(read(backend)).rejects.toThrow(words);
    await expect(read(backend)).rejects.toThrow(words);
    expect(fake.runs().started).toBe(1);
    fake.behave('play');
    await readUntil(backend, 'it is back', ([gpu]) => gpu?.state === 'ok');
    expect(fake.runs('gpu').overlapped).toBe(0);
  });

  it('slows down when run after run ends', async () => {
    const time = new ManualClock();
    const { fake, backend } = setUp('tesla-t4', time);
    fake.behave('fail no driver');
    const runs: number[] = [];
    for (let s = 0; s < 130; s++) {
      await expect(read(backend)).rejects.toThrow('no driver');
      time.advance(1_000);
      runs.push(fake.runs().started);
    }
    // After 0, 1, 3, 7, 15, 31, 63 and 123 s.
    expect([runs[0], runs[1], runs[3], runs[7], runs[31], runs[122], runs[123]]).toEqual([1, 2, 3, 4, 6, 7, 8]);
  });

  it('follows a count of cards that changes, and is not put out by an error between the rows', async () => {
    const { fake, backend } = setUp('made-h100-v13');
    expect(await read(backend)).toHaveLength(2);
    fake.behave('cards 1');
    await readUntil(backend, 'one card', (gpus) => gpus.length === 1);
    fake.behave('play');
    await readUntil(backend, 'both cards', (gpus) => gpus.length === 2);
    fake.behave('garble Unable to determine the device handle for GPU0000:D1:00.0: Unknown Error');
    expect(await readUntil(backend, 'both cards still', (gpus) => gpus.length === 2)).toHaveLength(2);
    expect(fake.runs('gpu')).toEqual({ started: 1, overlapped: 0 });
  });

  it('leaves everything unknown where the driver says [N/A] to all', async () => {
    const { fake, backend } = setUp('tesla-t4');
    fake.behave('unknown');
    expect(await read(backend)).toMatchObject([{ uuid: null, name: null, vram_used_mb: null, ecc_errors: null }]);
  });

  it.each(['hang', 'half-line'])('gives a run up that is silent by %s, ends it and starts another', async (mode) => {
    const { fake, backend } = setUp('tesla-t4');
    fake.behave(mode);
    for (let time = 1; time <= 2; time++) {
      const abort = new AbortController();
      const silent = read(backend, abort.signal);
      await eventually('it is silent', () => fake.alive().length === 1 && fake.runs('gpu').started === time);
      abort.abort();
      await expect(silent).rejects.toMatchObject({ name: 'AbortError' });
      await eventually('it is gone', () => fake.alive().length === 0);
    }
    fake.behave('play');
    expect(await read(backend)).toMatchObject([{ vram_used_mb: 1032 }]);
    expect(fake.runs('gpu')).toEqual({ started: 3, overlapped: 0 });
  });

  it('goes on with the cards while the run for the processes hangs, and starts no second one', async () => {
    const time = new ManualClock();
    const { fake, backend } = setUp('tesla-t4', time);
    fake.behave('hang-apps');
    await read(backend);
    const apps = (): number => fake.alive('apps').length;
    await eventually('it hangs', () => apps() === 1);
    for (let s = 0; s < 9; s++) {
      time.advance(1_000);
      expect(await read(backend)).toMatchObject([{ vram_used_mb: 1032, processes: null }]);
    }
    expect(fake.runs('apps').started).toBe(1);
    time.advance(2_000);
    await eventually('it is killed', () => apps() === 0);
    fake.behave('play');
    time.advance(10_000);
    await readUntil(backend, 'the processes', ([gpu]) => gpu?.processes?.some(({ pid }) => pid === 5762) === true);
    expect(fake.runs('apps')).toEqual({ started: 2, overlapped: 0 });
    expect(fake.runs('gpu').started).toBe(1);
  });

  it('does not wait with each reading for an nvidia-smi that takes longer than the interval', async () => {
    const { fake, backend } = setUp('tesla-t4');
    await read(backend);
    fake.behave('sleep 0.4');
    const ages = [];
    for (let reading = 0; reading < 40; reading++) {
      ages.push((await read(backend))[0]?.ageMs ?? NaN);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    expect(Math.max(...ages.slice(20))).toBeGreaterThan(INTERVAL_MS * 2);
    expect(Math.max(...ages)).toBeLessThan(2_000);
    expect(fake.runs('gpu').started).toBe(1);
  });

  it('leaves nothing behind when it is disposed of', async () => {
    const { fake, backend } = setUp('tesla-t4');
    await read(backend);
    backend[Symbol.dispose]();
    await eventually('all is gone', () => fake.alive().length === 0);
  });

  it('lets go of idle cards one of which may sleep, and looks at them again later', async () => {
    const power = 'bus/pci/devices/0000:00:10.0/power';
    const sys = new TempTree({ [`${power}/control`]: 'auto\n', [`${power}/runtime_suspended_time`]: '5000\n' });
    open.push(sys);
    const time = new ManualClock();
    const { fake, backend } = setUp('rtx-3090-v12', time, sys.root);
    await readUntil(backend, 'it is known to be idle', ([gpu]) => gpu?.processes?.length === 0);
    for (let s = 0; s < 30; s++) {
      time.advance(1_000);
      await read(backend);
    }
    await eventually('nothing holds the card awake', () => fake.alive().length === 0);
    time.advance(10_000);
    expect(await read(backend)).toMatchObject([{ name: 'NVIDIA GeForce RTX 3090', state: 'ok', ageMs: 10_000 }]);
    sys.write({ [`${power}/runtime_status`]: 'suspended\n' });
    expect(await read(backend)).toMatchObject([{ state: 'asleep', vram_used_mb: null, vram_total_mb: 24576 }]);
    expect(fake.runs('gpu').started).toBe(1);
    time.advance(20_000);
    expect(await read(backend)).toMatchObject([{ state: 'ok', ageMs: 0 }]);
  });

  it('does not give a set that is old for a new one', async () => {
    const time = new ManualClock();
    const { backend } = setUp('tesla-t4', time);
    await read(backend);
    time.advance(DAY_MS);
    expect(await read(backend)).toMatchObject([{ ageMs: 0 }]);
  });
});

describe('a hive that is killed', () => {
  const PROGRAM = `
    const { SmiProcess } = await import(process.argv[1]);
    new SmiProcess(process.argv[2], ['--query-gpu=index', '-lms', '100'], () => process.stdout.write('.'));
    setInterval(() => undefined, 1000);`;
  const built = fileURLToPath(
    new URL('../../../../../dist/libs/telemetry/src/nvidia/smi/smi-process.js', import.meta.url),
  );

  it.each(['play', 'hang'])('takes an nvidia-smi with it that does %s', async (mode) => {
    using fake = new FakeNvidiaSmi('tesla-t4');
    fake.behave(mode);
    const hive = spawn(process.execPath, ['--input-type=module', '--eval', PROGRAM, built, fake.path]);
    await eventually('it runs', () => fake.alive().length === 1);
    hive.kill('SIGKILL');
    await once(hive, 'exit');
    await eventually('it is gone', () => fake.alive().length === 0);
  });
});
