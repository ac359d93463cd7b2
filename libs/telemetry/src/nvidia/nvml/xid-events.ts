import type { CallPlan } from './call-plan.js';
import { EVENT_DATA, NVML, XID_EVENT } from './nvml-h.js';

/** How many events are taken off the driver's queue in one reading; a flood of them is behind after a while. */
const EVENTS_PER_READING_MAX = 8;
/** The shortest wait. Not 0: for some of NVML's functions that is for ever, and its documentation leaves it open here. */
const WAIT_MS = 1;

/** The handle of a card and the number of its Xid error, the oldest first. */
export type XidsOf = () => readonly (readonly [handle: bigint, xid: number])[];

/** Asks the driver for Xid errors since the last time. */
export function askXids(plan: CallPlan, eventSet: bigint | undefined): XidsOf {
  if (eventSet === undefined) return () => [];
  const waits: { readonly call: number; readonly at: number }[] = [];
  for (let index = 0; index < EVENTS_PER_READING_MAX; index += 1) {
    const at = plan.room(EVENT_DATA.bytes);
    const before = waits.at(-1);
    const condition = before === undefined ? {} : { after: before.call };
    const args = [eventSet, { at }, WAIT_MS];
    waits.push({ at, call: plan.call(['nvmlEventSetWait_v2', 'nvmlEventSetWait'], 'ppi', args, condition) });
  }
  return () =>
    waits
      .filter(({ call, at }) => plan.code(call) === NVML.SUCCESS && eventType(plan.memory, at) === XID_EVENT)
      .map(({ at }) => [
        plan.memory.getBigUint64(at + EVENT_DATA.device, true),
        Number(plan.memory.getBigUint64(at + EVENT_DATA.eventData, true)),
      ]);
}

function eventType(memory: DataView, at: number): bigint {
  return memory.getBigUint64(at + EVENT_DATA.eventType, true);
}
