import { afterAll, describe, expect, it } from '@jest/globals';

import { FakeNvidiaSmi, ManualClock, NvmlStub, stubCardOf } from '#testing';

import { NvidiaSmiHelper } from '../smi/nvidia-smi-helper.js';
import { parseNvidiaSmi } from '../smi/nvidia-smi-parser.js';
import { NvmlBackend } from './nvml-backend.js';

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

const fake = new FakeNvidiaSmi('tesla-t4');
const helper = new NvidiaSmiHelper();

afterAll(() => {
  helper[Symbol.dispose]();
  fake[Symbol.dispose]();
});

const suite = NvmlStub.hasCompiler ? describe : describe.skip;

suite(`captures of nvidia-smi, played by NVML${NvmlStub.hasCompiler ? '' : ' (skipped: no C compiler)'}`, () => {
  it.each(CAPTURES.flatMap((capture) => [[capture, 'new'] as const, [capture, 'old'] as const]))(
    'tells the same of %s, with a driver that is %s',
    async (capture, driver) => {
      fake.play(capture);
      const told = parseNvidiaSmi(await helper.query(fake.path, AbortSignal.timeout(10_000)));
      using stub = new NvmlStub(driver);
      const [{ driver_version } = { driver_version: null }] = told;
      stub.play(told.map(stubCardOf), driver_version === null ? {} : { driver_version });
      using backend = new NvmlBackend(
        { library: stub.path, libraryPath: '', pcieThroughput: false, sysRoot: '/nowhere' },
        new ManualClock(),
      );
      expect(await backend.read()).toEqual(
        told.map((gpu) => ({ ...gpu, source: 'nvml', driver_version: driver_version ?? '999.1' })),
      );
    },
  );
});
