import { clip } from '../../clip.js';
import { pciAddress } from '../../gpu-order.js';
import { kernelNumber } from '../../kernel-files.js';
import type { GpuObservation } from '../../monitor.js';
import { unknownGpu } from '../../unknown-gpu.js';
import { throttleReasonsOf } from '../throttle-reasons.js';
import { saysNothing } from './xml-tree.js';

/**
 * What is asked of each card, by the names that nvidia-smi has had for it, the newest first. The name of the card
 * comes last: it is the only cell that may hold a comma.
 */
const COLUMNS = {
  index: ['index'],
  count: ['count'],
  uuid: ['uuid'],
  pci: ['pci.bus_id'],
  driver: ['driver_version'],
  computeCapability: ['compute_cap'],
  util: ['utilization.gpu'],
  memUtil: ['utilization.memory'],
  used: ['memory.used'],
  total: ['memory.total'],
  temp: ['temperature.gpu'],
  memTemp: ['temperature.memory'],
  power: ['power.draw'],
  limit: ['enforced.power.limit', 'power.limit'],
  fan: ['fan.speed'],
  smClock: ['clocks.sm'],
  memClock: ['clocks.mem'],
  pcieGen: ['pcie.link.gen.current'],
  pcieWidth: ['pcie.link.width.current'],
  throttle: ['clocks_event_reasons.active', 'clocks_throttle_reasons.active'],
  corrected: ['ecc.errors.corrected.volatile.total'],
  uncorrected: ['ecc.errors.uncorrected.volatile.total'],
  remapCorrected: ['remapped_rows.correctable'],
  remapUncorrected: ['remapped_rows.uncorrectable'],
  remapPending: ['remapped_rows.pending'],
  remapFailed: ['remapped_rows.failure'],
  mig: ['mig.mode.current'],
  name: ['name'],
} as const satisfies Record<string, readonly string[]>;

type Column = keyof typeof COLUMNS;

/** One card in one tick: its cells as text. */
export type SmiRow = Readonly<Partial<Record<Column, string>>> & { readonly index: string };

/** The columns that are asked for, each by the name that this nvidia-smi takes. */
export type SmiQuery = readonly (readonly [Column, string])[];

/** All columns but for the names that this nvidia-smi has refused. */
export function smiQuery(refused: ReadonlySet<string>): SmiQuery {
  return (Object.entries(COLUMNS) as [Column, readonly string[]][]).flatMap(([column, names]) => {
    const known = names.find((name) => !refused.has(name));
    return known === undefined ? [] : [[column, known] as const];
  });
}

/** The row in a line of output; `undefined` where the line is something else, such as an error or half a row. */
export function smiRow(line: string, query: SmiQuery): SmiRow | undefined {
  const cells = line.split(', ');
  if (cells.length < query.length || !/^\d+$/.test(cells[0] ?? '')) return undefined;
  const last = query.length - 1;
  const fitted = [...cells.slice(0, last), cells.slice(last).join(', ')];
  const row = Object.fromEntries(query.map(([column], position) => [column, fitted[position] ?? '']));
  return { ...row, index: cells[0] ?? '' };
}

/** What a row tells; its processes and slices are not in it. */
export function smiCard(row: SmiRow): GpuObservation {
  return unknownGpu({
    vendor: 'NVIDIA',
    source: 'nvidia-smi',
    uuid: text(row.uuid),
    name: text(row.name),
    pci_bus_id: pciAddress(row.pci),
    driver_version: text(row.driver),
    compute_capability: text(row.computeCapability),
    util_pct: kernelNumber(row.util),
    mem_util_pct: kernelNumber(row.memUtil),
    vram_used_mb: kernelNumber(row.used),
    vram_total_mb: kernelNumber(row.total),
    temp_c: kernelNumber(row.temp),
    mem_temp_c: kernelNumber(row.memTemp),
    power_w: kernelNumber(row.power),
    power_limit_w: kernelNumber(row.limit),
    fan_pct: kernelNumber(row.fan),
    sm_clock_mhz: kernelNumber(row.smClock),
    mem_clock_mhz: kernelNumber(row.memClock),
    pcie_gen: kernelNumber(row.pcieGen),
    pcie_width: kernelNumber(row.pcieWidth),
    throttle_reasons: throttleReasons(row.throttle),
    ...errorCounters(row),
    mig_mode: migMode(row.mig),
    state: Object.values(row).some((cell) => /gpu is lost/i.test(cell)) ? 'lost' : 'ok',
  });
}

function errorCounters(row: SmiRow): Pick<GpuObservation, 'ecc_errors' | 'remapped_rows'> {
  const [corrected, uncorrected] = [kernelNumber(row.corrected), kernelNumber(row.uncorrected)];
  const [remapped, lost] = [kernelNumber(row.remapCorrected), kernelNumber(row.remapUncorrected)];
  const [pending, failed] = [isYes(row.remapPending), isYes(row.remapFailed)];
  return {
    ecc_errors: corrected === null && uncorrected === null ? null : { corrected, uncorrected },
    remapped_rows:
      remapped === null || lost === null ? null : { corrected: remapped, uncorrected: lost, pending, failed },
  };
}

/** Older ones write a word, newer ones a number. */
const isYes = (cell: string | undefined): boolean => cell === 'Yes' || cell === '1';

/** "0x0000000000000004" */
function throttleReasons(cell: string | undefined): readonly string[] | null {
  return /^0x[\da-f]+$/i.test(cell ?? '') ? throttleReasonsOf(Number(cell)) : null;
}

function migMode(cell: string | undefined): GpuObservation['mig_mode'] {
  if (cell === 'Enabled') return 'enabled';
  return cell === 'Disabled' ? 'disabled' : null;
}

const text = (cell: string | undefined): string | null =>
  cell === undefined || saysNothing(cell) ? null : clip(cell.trim());
