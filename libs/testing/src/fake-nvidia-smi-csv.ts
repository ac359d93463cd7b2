import { CLOCKS_IDLE_BIT, CLOCKS_REASON_BITS } from './nvml-stub-cards.js';

/** No capture tells it; from NVIDIA's list of its cards. */
const COMPUTE_CAPABILITY: readonly (readonly [RegExp, string])[] = [
  [/H100/, '9.0'],
  [/RTX 30\d\d/, '8.6'],
  [/A100/, '8.0'],
  [/T4/, '7.5'],
  [/P400|10\d\d/, '6.1'],
];

const NOTHING = '[N/A]';

/** One card of a capture: the cell of each field that `--query-gpu` knows, without its unit. */
export type CsvCard = Readonly<Record<string, string>>;

/** What `nvidia-smi --query-gpu` would say of the cards of a capture of `nvidia-smi -q -x`. */
export function csvCards(xml: string): readonly CsvCard[] {
  const driver = cell(text(xml, 'driver_version'));
  return blocks(xml, 'gpu').map((block, index) => csvCard(block, index, driver));
}

/** What `nvidia-smi --query-compute-apps=pid,used_gpu_memory,gpu_bus_id` would say: graphics processes are not in it. */
export function csvComputeApps(xml: string): string {
  return blocks(xml, 'gpu').flatMap(computeApps).join('');
}

function csvCard(block: string, index: number, driver: string): CsvCard {
  const own = block.replace(/<mig_devices>[^]*?<\/mig_devices>/, '').replace(/<processes>[^]*?<\/processes>/, '');
  const at = (...path: readonly string[]): string => cell(text(own, ...path));
  const name = at('product_name');
  const power = inside(own, 'gpu_power_readings') ?? inside(own, 'power_readings') ?? '';
  return {
    index: String(index),
    uuid: at('uuid'),
    'pci.bus_id': busId(block),
    driver_version: driver,
    compute_cap: COMPUTE_CAPABILITY.find(([names]) => names.test(name))?.[1] ?? NOTHING,
    'utilization.gpu': at('utilization', 'gpu_util'),
    'utilization.memory': at('utilization', 'memory_util'),
    'memory.used': at('fb_memory_usage', 'used'),
    'memory.total': at('fb_memory_usage', 'total'),
    'temperature.gpu': at('temperature', 'gpu_temp'),
    'temperature.memory': at('temperature', 'memory_temp'),
    'power.draw': firstCell(power, ['power_draw', 'average_power_draw', 'instant_power_draw']),
    'enforced.power.limit': firstCell(power, ['current_power_limit', 'enforced_power_limit']),
    'power.limit': firstCell(power, ['power_limit', 'requested_power_limit']),
    'fan.speed': at('fan_speed'),
    'clocks.sm': at('clocks', 'sm_clock'),
    'clocks.mem': at('clocks', 'mem_clock'),
    'pcie.link.gen.current': at('pci', 'pci_gpu_link_info', 'pcie_gen', 'current_link_gen'),
    'pcie.link.width.current': at('pci', 'pci_gpu_link_info', 'link_widths', 'current_link_width').replace(/x$/, ''),
    'mig.mode.current': at('mig_mode', 'current_mig'),
    ...throttleCells(own),
    ...eccCells(own),
    ...remappedCells(own),
    name,
  };
}

function throttleCells(block: string): CsvCard {
  const reasons = inside(block, 'clocks_event_reasons') ?? inside(block, 'clocks_throttle_reasons') ?? '';
  const told = [...reasons.matchAll(/_reason_(\w+)>(Active|Not Active)</g)];
  const active = told.filter(([, , state]) => state === 'Active').map(([, name = '']) => name);
  const bits = active.map((name) => (name === 'gpu_idle' ? CLOCKS_IDLE_BIT : (CLOCKS_REASON_BITS[name] ?? 0)));
  const mask = bits.reduce((sum, bit) => sum | bit, 0);
  const shown = told.length === 0 ? NOTHING : `0x${mask.toString(16).padStart(16, '0')}`;
  return { 'clocks_event_reasons.active': shown, 'clocks_throttle_reasons.active': shown };
}

function eccCells(block: string): CsvCard {
  const volatile = inside(inside(block, 'ecc_errors') ?? '', 'volatile') ?? '';
  const total = (pattern: RegExp): string => {
    const counts = [...volatile.matchAll(pattern)].map(([, digits]) => Number(digits));
    return counts.length === 0 ? NOTHING : String(counts.reduce((sum, count) => sum + count, 0));
  };
  return {
    'ecc.errors.corrected.volatile.total': total(/_correctable>(\d+)</g),
    'ecc.errors.uncorrected.volatile.total': total(/_uncorrectable\w*>(\d+)</g),
  };
}

function remappedCells(block: string): CsvCard {
  const rows = inside(block, 'remapped_rows') ?? '';
  return {
    'remapped_rows.correctable': cell(text(rows, 'remapped_row_corr')),
    'remapped_rows.uncorrectable': cell(text(rows, 'remapped_row_unc')),
    'remapped_rows.pending': cell(text(rows, 'remapped_row_pending')),
    'remapped_rows.failure': cell(text(rows, 'remapped_row_failure')),
  };
}

function computeApps(block: string): readonly string[] {
  const list = /<processes>|<processes \/>/.test(block);
  if (!list) return [`[Not Supported], [Not Supported], ${busId(block)}\n`];
  return blocks(inside(block, 'processes') ?? '', 'process_info')
    .filter((entry) => text(entry, 'type') !== 'G')
    .map((entry) => `${cell(text(entry, 'pid'))}, ${cell(text(entry, 'used_memory'))}, ${busId(block)}\n`);
}

const busId = (block: string): string => cell(/^<gpu id="([^"]*)"/.exec(block)?.[1]);

/** The elements of this name with their own tags. */
function blocks(xml: string, name: string): readonly string[] {
  return xml.match(new RegExp(`<${name}(?: [^>]*)?>[^]*?</${name}>`, 'g')) ?? [];
}

function inside(xml: string, name: string): string | undefined {
  return new RegExp(`<${name}>([^]*?)</${name}>`).exec(xml)?.[1];
}

const text = (xml: string, ...path: readonly string[]): string | undefined =>
  path.reduce<string | undefined>((part, name) => inside(part ?? '', name), xml)?.trim();

/** As `nounits` writes it. */
function cell(value: string | undefined): string {
  if (value === undefined || /^\[?N\/A\]?$|^$/.test(value)) return NOTHING;
  return value.replace(/^(\d[\d.]*) (?:%|MiB|C|W|MHz)$/, '$1');
}

const firstCell = (xml: string, names: readonly string[]): string =>
  names.map((name) => cell(text(xml, name))).find((found) => found !== NOTHING) ?? NOTHING;
