import type { EccErrors, RemappedRows } from '#contracts';

import type { GpuObservation } from '../../monitor.js';
import { round } from '../../rate.js';
import { throttleReasonsOf } from '../throttle-reasons.js';
import type { Told } from './call-plan.js';
import type { DeviceQuestions } from './device-questions.js';
import * as h from './nvml-h.js';

/** What a card is, which changes no more than its driver does. */
export type CardFacts = Pick<GpuObservation, 'name' | 'uuid' | 'compute_capability'>;

/** What else an observation holds: who the card is, and who holds its memory. */
export type CardRest = CardFacts &
  Pick<GpuObservation, 'pci_bus_id' | 'driver_version' | 'xid_last' | 'mig_mode' | 'mig_devices' | 'processes'>;

const KIB_PER_MIB = 1024;

/** Asked once under every plan. */
export function askFacts(card: DeviceQuestions): () => CardFacts {
  const once = card.under({ once: true });
  const name = once.text('nvmlDeviceGetName');
  const uuid = once.text('nvmlDeviceGetUUID');
  const capability = once.u32s('nvmlDeviceGetCudaComputeCapability', 2);
  return () => ({ name: name(), uuid: uuid(), compute_capability: capability()?.join('.') ?? null });
}

/**
 * Asked every time: the share of its window in which the card worked, and from that and the rest the observation.
 * That is written field by field: with objects spread into it, it would be most of what a reading costs.
 */
export function askValues(card: DeviceQuestions, pcieThroughput: boolean) {
  const [askedUtilization, askedMemory] = [askUtilization(card), card.memory()];
  const temperature = card.u32('nvmlDeviceGetTemperature', h.TEMPERATURE_GPU);
  const memoryTemperature = askMemoryTemperature(card);
  const power = card.u32('nvmlDeviceGetPowerUsage');
  const limit = card.u32('nvmlDeviceGetEnforcedPowerLimit');
  const energy = card.u64('nvmlDeviceGetTotalEnergyConsumption');
  const fan = card.u32('nvmlDeviceGetFanSpeed');
  const smClock = card.u32('nvmlDeviceGetClockInfo', h.CLOCK.SM);
  const memClock = card.u32('nvmlDeviceGetClockInfo', h.CLOCK.MEM);
  const pcieGen = card.u32('nvmlDeviceGetCurrPcieLinkGeneration');
  const pcieWidth = card.u32('nvmlDeviceGetCurrPcieLinkWidth');
  const received = askThroughput(card, h.PCIE.RX, pcieThroughput);
  const sent = askThroughput(card, h.PCIE.TX, pcieThroughput);
  const [reasons, ecc, rows] = [askThrottleReasons(card), askEcc(card), askRemappedRows(card)];
  const observation = (rest: CardRest): GpuObservation => {
    const utilization = askedUtilization();
    const memory = askedMemory();
    return {
      name: rest.name,
      uuid: rest.uuid,
      vendor: 'NVIDIA',
      source: 'nvml',
      pci_bus_id: rest.pci_bus_id,
      driver_version: rest.driver_version,
      compute_capability: rest.compute_capability,
      util_pct: utilization?.util_pct ?? null,
      mem_util_pct: utilization?.mem_util_pct ?? null,
      vram_used_mb: memory?.vram_used_mb ?? null,
      vram_total_mb: memory?.vram_total_mb ?? null,
      temp_c: temperature(),
      mem_temp_c: memoryTemperature(),
      power_w: thousandths(power()),
      power_limit_w: thousandths(limit()),
      energy_j: thousandths(energy()),
      fan_pct: fan(),
      sm_clock_mhz: smClock(),
      mem_clock_mhz: memClock(),
      pcie_gen: pcieGen(),
      pcie_width: pcieWidth(),
      pcie_rx_mb_s: received(),
      pcie_tx_mb_s: sent(),
      throttle_reasons: reasons(),
      ecc_errors: ecc(),
      remapped_rows: rows(),
      xid_last: rest.xid_last,
      mig_mode: rest.mig_mode,
      mig_devices: rest.mig_devices,
      processes: rest.processes,
      state: 'ok',
    };
  };
  return { utilPct: () => askedUtilization()?.util_pct ?? null, observation };
}

function askUtilization(card: DeviceQuestions): Told<Pick<GpuObservation, 'util_pct' | 'mem_util_pct'>> {
  return card.struct('nvmlDeviceGetUtilizationRates', [], 8, (memory, at) => ({
    util_pct: memory.getUint32(at, true),
    mem_util_pct: memory.getUint32(at + 4, true),
  }));
}

function askMemoryTemperature(card: DeviceQuestions): Told<number> {
  const { bytes, fieldId, nvmlReturn, value, memoryTemperature } = h.FIELD_VALUE;
  return card.struct(
    'nvmlDeviceGetFieldValues',
    [1],
    bytes,
    (memory, at) =>
      memory.getUint32(at + nvmlReturn, true) === h.NVML.SUCCESS ? memory.getUint32(at + value, true) : null,
    (memory, at) => memory.setUint32(at + fieldId, memoryTemperature, true),
  );
}

/** In MiB/s; not asked unless it is wanted. */
function askThroughput(card: DeviceQuestions, counter: number, wanted: boolean): Told<number> {
  if (!wanted) return () => null;
  const kib = card.u32('nvmlDeviceGetPcieThroughput', counter);
  return () => {
    const told = kib();
    return told === null ? null : round(told / KIB_PER_MIB, 3);
  };
}

function askThrottleReasons(card: DeviceQuestions): Told<readonly string[]> {
  const mask = card.u64(['nvmlDeviceGetCurrentClocksEventReasons', 'nvmlDeviceGetCurrentClocksThrottleReasons']);
  return () => {
    const told = mask();
    return told === null ? null : throttleReasonsOf(told);
  };
}

function askEcc(card: DeviceQuestions): Told<EccErrors> {
  const count = (type: number): Told<number> => card.u64('nvmlDeviceGetTotalEccErrors', type, h.ECC.VOLATILE);
  const [corrected, uncorrected] = [count(h.ECC.CORRECTED), count(h.ECC.UNCORRECTED)];
  return () => {
    const errors = { corrected: corrected(), uncorrected: uncorrected() };
    return errors.corrected === null && errors.uncorrected === null ? null : errors;
  };
}

function askRemappedRows(card: DeviceQuestions): Told<RemappedRows> {
  const rows = card.u32s('nvmlDeviceGetRemappedRows', 4);
  return () => {
    const told = rows();
    if (told === null) return null;
    const [corrected = 0, uncorrected = 0, pending = 0, failed = 0] = told;
    return { corrected, uncorrected, pending: pending !== 0, failed: failed !== 0 };
  };
}

/** Of milliwatts or millijoules, without the noise of their last digit. */
function thousandths(value: number | null): number | null {
  return value === null ? null : round(value / 1000, 2);
}
