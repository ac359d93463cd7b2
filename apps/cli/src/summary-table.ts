import type { GpuReading, HiveTelemetryEvent, MonitorReport, WorkerReading } from '#contracts';

/** Where a person goes next. */
export interface Urls {
  readonly queenUrl: string;
  readonly hiveUrl: string;
}

const UNKNOWN = '–';
const GPU_MONITORS = ['nvidia', 'drm', 'graphics'];

const number = (value: number | null, unit: string, digits = 0): string =>
  value === null ? UNKNOWN : `${value.toFixed(digits)} ${unit}`;

const gib = (mib: number | null): string => number(mib === null ? null : mib / 1024, 'GiB', 1);

/** What the first telemetry shows: the machine, its GPUs, its workers, and what to try. */
export function summaryTable(telemetry: HiveTelemetryEvent, urls: Urls): string {
  const { node, gpus, workers, hive_info, collection } = telemetry;
  const machine = [
    [
      'cpu',
      `${number(node.cpu_pct, '%', 1)} of ${number(node.cpu_count, 'cores')}, load ${number(node.load_1m, '', 2)}`,
    ],
    ['memory', `${gib(node.ram_used_mb)} of ${gib(node.ram_total_mb)}`],
    ['network', `${number(node.net_rx_mb_s, 'MiB/s', 2)} in, ${number(node.net_tx_mb_s, 'MiB/s', 2)} out`],
    ['disk', `${number(node.disk_r_mb_s, 'MiB/s', 2)} read, ${number(node.disk_w_mb_s, 'MiB/s', 2)} written`],
    ...(gpus.length > 0 ? gpus.map(gpuRow) : [['gpus', absenceOf(collection.monitors, GPU_MONITORS, 'none found')]]),
    ...(workers.length > 0
      ? workers.map(workerRow)
      : [['workers', absenceOf(collection.monitors, ['workers'], 'none')]]),
  ];
  const next = [
    ['merged stream', `curl -N ${urls.queenUrl}/v1/heartbeats/stream`],
    ['this machine', `curl -N ${urls.hiveUrl}/v1/heartbeats/stream`],
    ['fleet', `${urls.queenUrl}/v1/hives`],
    ['API', `${urls.queenUrl}/docs`],
  ];
  return `\n${hive_info.id} (${hive_info.os ?? hive_info.arch ?? 'unknown system'})\n${rows(machine)}\n${rows(next)}\nCtrl-C stops both.\n`;
}

const rows = (lines: readonly (readonly string[])[]): string =>
  lines.map(([name = '', value = '']) => `  ${name.padEnd(15)}${value.trimEnd()}\n`).join('');

const gpuRow = (gpu: GpuReading): readonly string[] => [
  gpu.id,
  `${gpu.name ?? gpu.vendor}: ${number(gpu.util_pct, '%')}, ${gib(gpu.vram_used_mb)} of ${gib(gpu.vram_total_mb)}, ${number(gpu.temp_c, '°C')}, ${number(gpu.power_w, 'W')}`,
];

const workerRow = (worker: WorkerReading): readonly string[] => [
  `${worker.group}/${worker.instance}`,
  `${worker.model ?? 'unknown model'}: ${worker.state}, ${number(worker.cpu_pct, '% cpu')}, ${gib(worker.rss_mb)}, ${gib(worker.vram_mb)} VRAM`,
];

/** Why a list is empty, as far as one of the monitors that fill it tells. */
function absenceOf(monitors: readonly MonitorReport[], names: readonly string[], otherwise: string): string {
  const errors = monitors.filter(({ name }) => names.includes(name)).map(({ error }) => error);
  const error = errors.find((each) => each !== undefined);
  return error === undefined ? otherwise : `unknown: ${error}`;
}
