import { describe, expect, it } from '@jest/globals';

import { sampleGpu, sampleTelemetry, sampleWorker } from '#testing';

import { passOn } from './pass-on.js';

const AT = '2026-11-23T16:30:00.123Z';

describe('passOn', () => {
  it('says what putting it together anew would say', () => {
    const event = sampleTelemetry('gpu-a', 7, { gpus: [sampleGpu()], workers: [sampleWorker({ model: 'ü "x" \\' })] });
    const passed = passOn(JSON.stringify(event), AT);
    expect(JSON.parse(passed ?? '')).toEqual({ ...event, type: 'hive_telemetry', received_at: AT });
  });

  it.each([
    '{"seq":1,"type":"telemetry"}',
    '{"type":"telemetry","type":"closing"}',
    '{"type":"telemetry","\\u0074ype":"closing"}',
    '{"type":"telemetry",\n"seq":1}',
    '{"type":"telemetry",\r"seq":1}',
    '{"type":"telemetry","seq":1} ',
    '{ "type":"telemetry","seq":1}',
  ])('does not touch %j', (json) => {
    expect(passOn(json, AT)).toBeUndefined();
  });
});
