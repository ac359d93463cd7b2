import { describe, expect, it } from '@jest/globals';

import { sampleGpu, sampleTelemetry, sampleWorker } from '#testing';

import { decodeTelemetry, decodeTelemetryText } from './telemetry.js';

const whole = sampleTelemetry('gpu-a', 7, {
  gpus: [sampleGpu()],
  workers: [sampleWorker()],
  collection: {
    status: 'partial',
    took_ms: 4.2,
    monitors: [{ name: 'nvidia', status: 'failed', took_ms: 1, age_ms: null, error: 'no driver' }],
  },
});

const decode = (value: unknown): unknown => decodeTelemetry(JSON.stringify(value));
const changed = (path: string, value: unknown): unknown => {
  const copy = structuredClone(whole) as unknown as Record<string, unknown>;
  const keys = path.split('.');
  const last = keys.pop() ?? '';
  const parent = keys.reduce<Record<string, unknown>>((node, key) => node[key] as Record<string, unknown>, copy);
  parent[last] = value;
  return copy;
};

describe('decodeTelemetry', () => {
  it('gives back what is of the protocol', () => {
    expect(decode(whole)).toEqual(whole);
  });

  it('leaves behind what is not', () => {
    expect(decode({ ...whole, extra: 1, node: { ...whole.node, extra: 2 } })).toEqual(whole);
    const hostile = `{"__proto__":{"polluted":1},"constructor":{},${JSON.stringify(whole).slice(1)}`;
    const decoded = decodeTelemetry(hostile);
    expect(decoded).toEqual(whole);
    expect(Object.getPrototypeOf(decoded)).toBe(Object.prototype);
  });

  it('reads a value that an older hive does not know as unknown', () => {
    expect(decode(changed('node.cpu_temp_c', undefined))).toMatchObject({ node: { cpu_temp_c: null } });
    expect(decode(changed('gpus.0.xid_last', undefined))).toMatchObject({ gpus: [{ xid_last: null }] });
  });

  it.each([
    ['type', 'snapshot', 'type must be one of telemetry'],
    ['hive_id', '', 'hive_id is empty'],
    ['hive_id', 'a b', 'hive_id may hold only letters'],
    ['hive_info.id', 7, 'hive_info.id must be a string'],
    ['hive_info.boot_id', null, 'hive_info.boot_id must be a string'],
    ['hive_info.health_status', { status: 'sick' }, 'hive_info.health_status.status must be one of healthy'],
    ['seq', 1.5, 'seq must be a whole number'],
    ['seq', -1, 'seq must be a whole number'],
    ['interval_ms', null, 'interval_ms must be a number from 100 to 60000'],
    ['interval_ms', 1e12, 'interval_ms must be a number from 100 to 60000'],
    ['node', [], 'node must be an object'],
    ['node.cpu_pct', '12', 'node.cpu_pct must be a finite number'],
    ['gpus', 'none', 'gpus must be a list of at most 64'],
    ['gpus', new Array(65).fill(sampleGpu()), 'gpus must be a list of at most 64'],
    ['gpus.0.state', 'fine', 'gpus[0].state must be one of ok, wedged, lost'],
    ['gpus.0.name', 'x'.repeat(257), 'gpus[0].name must be a string of at most 256 characters'],
    ['workers.0.pids.1', '4', 'workers[0].pids[1] must be a whole number'],
    ['collection.monitors.0.error', {}, 'collection.monitors[0].error must be a string'],
  ])('refuses %s = %j and says where', (path, value, message) => {
    expect(() => decode(changed(path, value))).toThrow(
      expect.objectContaining({ code: 'WIRE_MALFORMED', message: expect.stringContaining(message) }),
    );
  });

  it.each(['', 'null', '[]', '7', '"telemetry"', '{', '['.repeat(100_000)])('refuses %.20s', (json) => {
    expect(() => decodeTelemetry(json)).toThrow(expect.objectContaining({ code: 'WIRE_MALFORMED' }));
  });
});

describe('decodeTelemetryText', () => {
  const isExact = (value: unknown): boolean => decodeTelemetryText(JSON.stringify(value)).isExact;

  it('tells a text that holds nothing but the event', () => {
    expect(isExact(whole)).toBe(true);
    expect(isExact({ ...whole, gpus: [], workers: [] })).toBe(true);
  });

  it.each([
    ['an unknown key', changed('extra', 1)],
    ['an unknown key far inside', changed('gpus.0.extra', 1)],
    ['an unknown key of a healthy hive', changed('hive_info.health_status', { status: 'healthy', reason: 'none' })],
    ['a key that is missing', changed('node.cpu_temp_c', undefined)],
    [
      'a key that is missing, and an unknown one in its place',
      changed('node', { ...whole.node, cpu_temp_c: undefined, x: 1 }),
    ],
    ['a reason that is missing', changed('hive_info.health_status', { status: 'degraded' })],
  ])('tells %s', (_, value) => {
    expect(isExact(value)).toBe(false);
  });

  it('is not fooled by a prototype', () => {
    const hostile = `{"__proto__":{"polluted":1},${JSON.stringify(whole).slice(1)}`;
    expect(decodeTelemetryText(hostile).isExact).toBe(false);
    const inherited = JSON.stringify(changed('hive_info.os', undefined)).replace(
      '"hive_info":{',
      '"hive_info":{"__proto__":{"os":"x"},',
    );
    expect(decodeTelemetryText(inherited).value.hive_info.os).toBeNull();
  });
});
