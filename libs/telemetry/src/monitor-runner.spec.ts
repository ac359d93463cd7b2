import { describe, expect, it } from '@jest/globals';

import { ManualClock } from '#testing';

import type { Contribution, Monitor } from './monitor.js';
import { MonitorRunner } from './monitor-runner.js';

const BUDGET_MS = 500;
const STALE_MS = 1500;
const LOAD = { node: { load_1m: 1 } };

/** A sensor that answers when the test says so. */
class ManualMonitor implements Monitor {
  readonly name = 'manual';
  readonly budgetMs = BUDGET_MS;
  reads = 0;
  disposed = false;
  signal: AbortSignal | undefined;
  answer: (value: Contribution | 'absent') => void = () => undefined;
  fail: (error: unknown) => void = () => undefined;

  read(signal: AbortSignal): Promise<Contribution | 'absent'> {
    this.reads++;
    this.signal = signal;
    return new Promise((resolve, reject) => {
      this.answer = resolve;
      this.fail = reject;
    });
  }

  [Symbol.dispose](): void {
    this.disposed = true;
  }
}

function setUp(): { clock: ManualClock; monitor: ManualMonitor; runner: MonitorRunner } {
  const [clock, monitor] = [new ManualClock(), new ManualMonitor()];
  return { clock, monitor, runner: new MonitorRunner(monitor, clock, STALE_MS) };
}

/** Lets everything that waits for a promise run. */
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

async function readOk({ clock, monitor, runner }: ReturnType<typeof setUp>, tookMs = 20): Promise<void> {
  const ended = runner.start();
  clock.advance(tookMs);
  monitor.answer(LOAD);
  await ended;
}

describe('MonitorRunner', () => {
  it('is stale without an age before the first reading has ended', () => {
    const { runner } = setUp();
    void runner.start();
    expect(runner.outcome()).toEqual({
      report: {
        name: 'manual',
        status: 'stale',
        took_ms: null,
        age_ms: null,
        error: 'the first reading is not finished',
      },
    });
  });

  it('gives the value, how long it took and how old it is', async () => {
    const set = setUp();
    await readOk(set, 12.34);
    set.clock.advance(100);
    expect(set.runner.outcome()).toEqual({
      report: { name: 'manual', status: 'ok', took_ms: 12.3, age_ms: 100 },
      contribution: LOAD,
    });
  });

  it('joins the reading under way instead of beginning another', async () => {
    const set = setUp();
    const first = set.runner.start();
    expect(set.runner.start()).toBe(first);
    expect(set.monitor.reads).toBe(1);
    set.monitor.answer(LOAD);
    await first;
    void set.runner.start();
    expect(set.monitor.reads).toBe(2);
  });

  it('is stale once the value is older than it may be, and still gives it', async () => {
    const set = setUp();
    await readOk(set);
    set.clock.advance(STALE_MS);
    expect(set.runner.outcome().report.status).toBe('ok');
    set.clock.advance(100);
    expect(set.runner.outcome()).toEqual({
      report: { name: 'manual', status: 'stale', took_ms: 20, age_ms: 1600, error: 'no newer reading for 1600 ms' },
      contribution: LOAD,
    });
  });

  it('is failed after a rejection, without the older value, until a reading succeeds', async () => {
    const set = setUp();
    await readOk(set);
    const ended = set.runner.start();
    set.monitor.fail(new Error('the sensor\n  is on fire'));
    await ended;
    void set.runner.start();
    expect(set.runner.outcome()).toEqual({
      report: { name: 'manual', status: 'failed', took_ms: 0, age_ms: null, error: 'the sensor is on fire' },
    });
    set.monitor.answer(LOAD);
    await settle();
    expect(set.runner.outcome()).toMatchObject({ report: { status: 'ok' }, contribution: LOAD });
  });

  it('is absent where the hardware is', async () => {
    const { monitor, runner } = setUp();
    const ended = runner.start();
    monitor.answer('absent');
    await ended;
    expect(runner.outcome()).toEqual({ report: { name: 'manual', status: 'absent', took_ms: 0, age_ms: null } });
  });
});

describe('MonitorRunner with a sensor over its budget', () => {
  it('aborts, ends the reading at the deadline, and starts no other before the sensor has let go', async () => {
    const { clock, monitor, runner } = setUp();
    const ended = runner.start();
    clock.advance(BUDGET_MS);
    await ended;
    expect(monitor.signal?.aborted).toBe(true);
    expect(runner.outcome()).toEqual({
      report: { name: 'manual', status: 'failed', took_ms: 500, age_ms: null, error: 'no answer within 500 ms' },
    });
    await runner.start();
    expect(monitor.reads).toBe(1);
    monitor.fail(new Error('let go'));
    await settle();
    void runner.start();
    expect(monitor.reads).toBe(2);
  });

  it('keeps the last value for 30 s as stale and marked, then fails', async () => {
    const set = setUp();
    await readOk(set, 0);
    const ended = set.runner.start();
    set.clock.advance(BUDGET_MS);
    await ended;
    expect(set.runner.outcome()).toEqual({
      report: { name: 'manual', status: 'stale', took_ms: 500, age_ms: 500, error: 'no answer within 500 ms' },
      contribution: LOAD,
      unanswered: true,
    });
    set.clock.advance(29_500);
    expect(set.runner.outcome().report.status).toBe('stale');
    set.clock.advance(1);
    expect(set.runner.outcome()).toEqual({
      report: { name: 'manual', status: 'failed', took_ms: 500, age_ms: null, error: 'no answer within 500 ms' },
    });
  });

  it("adds the sensor's own word where it has one", async () => {
    const { clock, monitor, runner } = setUp();
    void runner.start();
    clock.advance(BUDGET_MS);
    monitor.fail(new Error('wedged'));
    await settle();
    expect(runner.outcome().report.error).toBe('no answer within 500 ms: wedged');
    void runner.start();
    clock.advance(BUDGET_MS);
    monitor.fail(new DOMException('This operation was aborted', 'AbortError'));
    await settle();
    expect(runner.outcome().report.error).toBe('no answer within 500 ms');
  });

  it('takes a value that comes late for what it is', async () => {
    const { clock, monitor, runner } = setUp();
    void runner.start();
    clock.advance(BUDGET_MS + 200);
    monitor.answer(LOAD);
    await settle();
    expect(runner.outcome()).toMatchObject({ report: { status: 'ok', took_ms: 700, age_ms: 0 }, contribution: LOAD });
  });

  it('leaves no timer behind a reading that ended in time', async () => {
    const set = setUp();
    await readOk(set);
    set.clock.advance(BUDGET_MS * 2);
    expect(set.monitor.signal?.aborted).toBe(false);
    expect(set.runner.outcome().report.status).toBe('ok');
  });

  it('aborts the reading under way and disposes of the monitor', () => {
    const { monitor, runner } = setUp();
    void runner.start();
    runner[Symbol.dispose]();
    expect(monitor.signal?.aborted).toBe(true);
    expect(monitor.disposed).toBe(true);
  });
});
