import { limits } from '#contracts';

import type { GpuObservation } from '../../monitor.js';
import { unknownGpu } from '../../unknown-gpu.js';
import type { CallPlan } from './call-plan.js';
import { askFacts, askValues } from './card-questions.js';
import { DeviceQuestions } from './device-questions.js';
import { askSlices, type MigSlice } from './mig-questions.js';
import { NVML } from './nvml-h.js';
import { askProcesses, LIST_ROOM, type ProcessMemory, processesOf, sumProcesses } from './process-questions.js';
import { ProcessUtilization } from './process-utilization.js';

/** What a reading is to tell besides what the card knows. */
export interface Asking {
  readonly pcieThroughput: boolean;
  readonly driverVersion: string | null;
}

/** One card of NVML, with what has to be remembered of it from one reading to the next. */
export class NvmlCard {
  /** The number of the last Xid error that was reported of it. */
  xidLast: number | null = null;
  /** Undefined while the card sleeps and was not awake since NVML was started. */
  handle: bigint | undefined;
  private last: GpuObservation | undefined;
  private migPlaces = 0;
  private inMigMode = false;
  private readonly room = { processes: { entries: LIST_ROOM }, samples: { entries: LIST_ROOM } };
  private readonly utilization = new ProcessUtilization();

  constructor(readonly address: string | null) {}

  /** Changes whenever other questions are to be asked of it than before. */
  get shape(): string {
    return [this.inMigMode && this.migPlaces, this.room.processes.entries, this.room.samples.entries].join();
  }

  /** Adds what is asked of the card in every reading; what it returns tells the answers, as of this monotonic time. */
  ask(plan: CallPlan, handle: bigint, { pcieThroughput, driverVersion }: Asking): (atMs: number) => GpuObservation {
    const start = plan.length;
    const questions = new DeviceQuestions(plan, handle);
    const [facts, values] = [askFacts(questions), askValues(questions, pcieThroughput)];
    const processes = this.askProcesses(questions);
    const end = plan.length;
    return (atMs) => {
      if (plan.returned(NVML.GPU_IS_LOST, start, end)) return this.unasked('lost', driverVersion);
      const { name, uuid, compute_capability } = facts();
      const { mig_mode, mig_devices, processes: held } = processes(values.utilPct(), atMs);
      this.last = values.observation({
        name,
        uuid,
        compute_capability,
        pci_bus_id: this.address,
        driver_version: driverVersion,
        xid_last: this.xidLast,
        mig_mode,
        mig_devices,
        processes: held,
      });
      return this.last;
    };
  }

  /** The card with nothing but what it is, from when it was asked last. */
  unasked(state: GpuObservation['state'], driverVersion: string | null): GpuObservation {
    const { address, xidLast, last } = this;
    return unknownGpu({
      vendor: 'NVIDIA',
      source: 'nvml',
      name: last?.name ?? null,
      uuid: last?.uuid ?? null,
      pci_bus_id: address,
      driver_version: driverVersion,
      compute_capability: last?.compute_capability ?? null,
      vram_total_mb: last?.vram_total_mb ?? null,
      mig_mode: last?.mig_mode ?? null,
      xid_last: xidLast,
      state,
    });
  }

  private askProcesses(questions: DeviceQuestions) {
    const mode = questions.u32s('nvmlDeviceGetMigMode', 2);
    const places = questions.under({ once: true }).u32('nvmlDeviceGetMaxMigDeviceCount');
    const slices = this.inMigMode ? askSlices(questions, this.migPlaces, this.room.processes) : [];
    const list = askProcesses(questions, this.room.processes);
    const samples = this.utilization.ask(questions, this.room.samples);
    return (utilPct: number | null, atMs: number) => {
      const [current] = mode() ?? [];
      this.inMigMode = current === 1;
      this.migPlaces = Math.min(places() ?? 0, limits.MIG_DEVICES_PER_GPU_MAX);
      const found = slices.map((slice) => slice()).filter((slice) => slice !== null);
      const processes = holders(list(), found);
      const shareOf = this.utilization.take(samples(), processes ?? new Map(), utilPct, atMs);
      return {
        mig_mode: migMode(current),
        mig_devices: found.map(({ device }) => device),
        processes: processes === null ? null : processesOf(processes, shareOf),
      };
    };
  }
}

/** In MIG mode each slice lists its own; the card lists all of them only to who may see them. */
function holders(ofCard: ProcessMemory | null, slices: readonly MigSlice[]): ProcessMemory | null {
  return slices.length === 0 ? ofCard : sumProcesses(slices.map(({ processes }) => processes));
}

function migMode(current: number | undefined): GpuObservation['mig_mode'] {
  if (current === undefined) return null;
  return current === 1 ? 'enabled' : 'disabled';
}
