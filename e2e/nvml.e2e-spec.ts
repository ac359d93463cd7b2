import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { fileURLToPath, pathToFileURL } from 'node:url';

import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';

import type { GpuReading, HiveTelemetryEvent } from '#contracts';
import { eventually, NvmlStub, type ProbedEvent, ServiceProcess, SseProbe, STUB_H100, type StubCard } from '#testing';

const DIST = fileURLToPath(new URL('../dist/', import.meta.url));
/** Every driver call that a reading makes would do. */
const HANGING = 'nvmlDeviceGetPowerUsage';
/** The hive gives a reading some seconds before it calls the driver stuck. */
const WEDGED_MS = 15_000;

const gpusOf = ({ json }: ProbedEvent): readonly GpuReading[] => (json as unknown as HiveTelemetryEvent).gpus;

const suite = NvmlStub.hasCompiler ? describe : describe.skip;

suite(`a hive that reads its cards through NVML${NvmlStub.hasCompiler ? '' : ' (skipped: no C compiler)'}`, () => {
  let stub: NvmlStub;
  const cards: readonly StubCard[] = [
    { lines: STUB_H100 },
    { lines: { ...STUB_H100, pci: '00000000:D1:00.0', uuid: 'GPU-2222' } },
  ];

  beforeEach(() => {
    stub = new NvmlStub();
    stub.play(cards);
  });

  afterEach(() => stub[Symbol.dispose]());

  const start = (): ServiceProcess =>
    new ServiceProcess('hive', ['--port', '0', '--interval-ms', '200'], {
      HIVE_GPU_BACKEND: 'nvml',
      HIVE_NVML_LIBRARY: stub.path,
    });

  it('keeps its beat while the driver hangs, with one stuck thread, and shows the cards again afterwards', async () => {
    await using hive = start();
    using probe = new SseProbe(`${await hive.url()}/v1/heartbeats/stream`);
    await probe.waitFor('two cards', (event) => event.json['type'] === 'telemetry' && gpusOf(event).length === 2);
    expect(gpusOf(probe.ofType('telemetry').at(-1)!)).toMatchObject([
      { id: 'GPU-0', source: 'nvml', state: 'ok', power_w: 688.23 },
      { id: 'GPU-1', source: 'nvml', state: 'ok', uuid: 'GPU-2222' },
    ]);
    const threads = threadCount(hive.pid);
    stub.play(cards, { hang: HANGING });
    const state = () => gpusOf(probe.ofType('telemetry').at(-1)!).map((gpu) => gpu.state);
    await eventually('the cards are wedged', () => state().every((one) => one === 'wedged'), WEDGED_MS);
    const before = probe.ofType('telemetry').length;
    await eventually('ten more events', () => probe.ofType('telemetry').length >= before + 10);
    expect(threadCount(hive.pid)).toBeLessThanOrEqual(threads);
    stub.play(cards);
    await eventually('the cards are back', () => state().every((one) => one === 'ok'), WEDGED_MS);
  });

  it('ends within two seconds of SIGTERM, with exit code 0, while the driver hangs', async () => {
    await using hive = start();
    using probe = new SseProbe(`${await hive.url()}/v1/heartbeats/stream`);
    await probe.waitFor('two cards', (event) => event.json['type'] === 'telemetry' && gpusOf(event).length === 2);
    stub.play(cards, { hang: HANGING, log: 1 });
    await eventually('a call hangs', () => stub.calls().some((call) => call.endsWith(HANGING)));
    const { code, signal, tookMs } = await hive.end('SIGTERM');
    expect({ code, signal }).toEqual({ code: 0, signal: null });
    expect(tookMs).toBeLessThan(2000);
  });

  it('still says why it crashes, and ends, while the driver hangs', async () => {
    stub.play(cards, { hang: 'nvmlInit_v2', log: 1 });
    const child = spawn(process.execPath, ['--input-type=module', '--eval', crash(stub.path)], { cwd: DIST });
    let said = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text));
    const [code, signal] = (await once(child, 'close')) as unknown[];
    expect(said).toContain('Error: something else is broken');
    expect({ code, signal }).toEqual({ code: null, signal: 'SIGALRM' });
  });
});

/** A program that fails while a reading hangs. */
function crash(library: string): string {
  const url = (path: string): string => JSON.stringify(pathToFileURL(`${DIST}libs/${path}`).href);
  return `
    import { existsSync } from 'node:fs';
    import { SystemClock } from ${url('service-kit/src/index.js')};
    import { NvmlBackend } from ${url('telemetry/src/nvidia/nvml/nvml-backend.js')};
    const library = ${JSON.stringify(library)};
    const options = { library, libraryPath: '', pcieThroughput: false, sysRoot: '/sys' };
    const backend = new NvmlBackend(options, new SystemClock());
    void backend.read();
    const watch = setInterval(() => {
      if (!existsSync(library + '.log')) return;
      clearInterval(watch);
      throw new Error('something else is broken');
    }, 10);
  `;
}

function threadCount(pid: number): number {
  return readdirSync(`/proc/${pid}/task`).length;
}
