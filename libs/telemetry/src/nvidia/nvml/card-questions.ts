import type { EccErrors, RemappedRows } from '#contracts';

import type { GpuObservation } from '../../monitor.js';
import { round } from '../../rate.js';
import { throttleReasonsOf } from '../throttle-reasons.js';
import type { Told } from './call-plan.js';
import type { DeviceQuestions } from './device-questions.js';
import * as h from './nvml-h.js';

/** What a card is, which changes no more than its driver does. */
export type CardFacts = Pick<GpuObservation, 'name' | 'uuid' | 'compute_capability'>;

type Values = Omit<
  GpuObservation,
  | keyof CardFacts
  | ('vendor' | 'source' | 'pci_bus_id' | 'driver_version' | 'xid_last')
  | ('mig_mode' | 'mig_devices' | 'processes' | 'state' | 'ageMs')
>;

const KIB_PER_MIB = 1024;

/** Asked once under every plan. */
export function askFacts(card: DeviceQuestions): () => CardFacts {
  const once = card.under({ once: true });
  const name = once.text('nvmlDeviceGetName');
  const uuid = once.text('nvmlDeviceGetUUID');
  const capability = once.u32s('nvmlDeviceGetCudaComputeCapability', 2);
  return () => ({ name: name(), uuid: uuid(), compute_capability: capability()?.join('.') ?? null });
}

/** Asked every time: the sensors and counters of a card. */
export function askValues(card: DeviceQuestions, pcieThroughput: boolean): () => Values {
  const [utilization, memory] = [askUtilization(card), card.memory()];
  const temperature = card.u32('nvmlDeviceGetTemperature', h.TEMPERATURE_GPU);
  const memoryTemperature = askMemoryTemperature(card);
  const power = card.u32('nvmlDeviceGetPowerUsage');
  const limit = card.u32('nvmlDeviceGetEnforcedPowerLimit');
  const energy = card.u64('nvmlDeviceGetTotalEnergyConsumption');
  const fan = card.u32('nvmlDeviceGetFanSpeed');
  const smClock = card.u32('nvmlDeviceGetClockInfo', h.CLOCK.SM);
  const memClock = card.u32('nvmlDeviceGetClockInfo', h.CLOCK.MEM);
  const pcie = askPcie(card, pcieThroughput);
  const [reasons, ecc, rows] = [askThrottleReasons(card), askEcc(card), askRemappedRows(card)];
  return () => ({
    ...(utilization() ?? { util_pct: null, mem_util_pct: null }),
    ...(memory() ?? { vram_used_mb: null, vram_total_mb: null }),
    temp_c: temperature(),
    mem_temp_c: memoryTemperature(),
    power_w: thousandths(power()),
    power_limit_w: thousandths(limit()),
    energy_j: thousandths(energy()),
    fan_pct: fan(),
    sm_clock_mhz: smClock(),
    mem_clock_mhz: memClock(),
    ...pcie(),
    throttle_reasons: reasons(),
    ecc_errors: ecc(),
    remapped_rows: rows(),
  });
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

function askPcie(card: DeviceQuestions, throughput: boolean) {
  const gen = card.u32('nvmlDeviceGetCurrPcieLinkGeneration');
  const width = card.u32('nvmlDeviceGetCurrPcieLinkWidth');
  const rate = (counter: number): Told<number> =>
    throughput ? card.u32('nvmlDeviceGetPcieThroughput', counter) : () => null;
  const [rx, tx] = [rate(h.PCIE.RX), rate(h.PCIE.TX)];
  const mibPerSecond = (kib: number | null): number | null => (kib === null ? null : round(kib / KIB_PER_MIB, 3));
  return () => ({
    pcie_gen: gen(),
    pcie_width: width(),
    pcie_rx_mb_s: mibPerSecond(rx()),
    pcie_tx_mb_s: mibPerSecond(tx()),
  });
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
