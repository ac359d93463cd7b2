import type { MigDevice } from '#contracts';

import type { CallPlan, Told } from './call-plan.js';
import { DeviceQuestions } from './device-questions.js';
import { askProcesses, type ListRoom, type ProcessMemory } from './process-questions.js';

/** One slice of a card, with who holds its memory. */
export interface MigSlice {
  readonly device: MigDevice;
  readonly processes: ProcessMemory | null;
}

/**
 * Asks for the slices of a card in MIG mode. Which there are may change between two readings, so the handle of each is
 * taken anew every time. `null` for a place that has no slice.
 */
export function askSlices(card: DeviceQuestions, places: number, room: ListRoom): readonly Told<MigSlice>[] {
  return Array.from({ length: places }, (_, index) => askSlice(card, index, room));
}

function askSlice(card: DeviceQuestions, index: number, room: ListRoom): Told<MigSlice> {
  const { plan } = card;
  const handle = plan.room(8);
  const found = card.call('nvmlDeviceGetMigDeviceHandleByIndex', 'ip', [index, { at: handle }]);
  const told = askAbout(plan, handle, found, room);
  return () => (plan.code(found) === 0 ? told(index) : null);
}

function askAbout(plan: CallPlan, handle: number, found: number, room: ListRoom): (index: number) => MigSlice {
  const slice = new DeviceQuestions(plan, { in: handle }, { after: found });
  const uuid = slice.text('nvmlDeviceGetUUID');
  const gpuInstance = slice.u32('nvmlDeviceGetGpuInstanceId');
  const computeInstance = slice.u32('nvmlDeviceGetComputeInstanceId');
  const memory = slice.memory();
  const processes = askProcesses(slice, room);
  return (index) => ({
    device: {
      index,
      uuid: uuid(),
      gpu_instance_id: gpuInstance(),
      compute_instance_id: computeInstance(),
      ...(memory() ?? { vram_used_mb: null, vram_total_mb: null }),
    },
    processes: processes(),
  });
}
