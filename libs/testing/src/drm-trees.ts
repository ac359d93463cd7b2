import type { TempTree, TreeFiles } from './temp-tree.js';

/**
 * A graphics card as the kernel shows it below `/sys`, made from the kernel's documentation and sources where no such
 * card was at hand: each card names what it was made from.
 */
export interface MadeCard {
  /** The number in `card0`; the render node is 128 more. */
  readonly minor: number;
  /** The PCI addresses from the root of the bus to the card. */
  readonly path: readonly string[];
  readonly driver: string;
  /** Vendor and device: "1002:744C". */
  readonly pciId: string;
  /** Below `device/`. */
  readonly files: TreeFiles;
  /** Below `card0/`. */
  readonly cardFiles?: TreeFiles;
}

/** Puts a card into a `/sys`. */
export function addDrmCard(sys: TempTree, card: MadeCard): void {
  const { minor, path, driver, pciId, files, cardFiles = {} } = card;
  const device = `devices/pci${path[0]?.slice(0, 7) ?? ''}/${path.join('/')}`;
  const [vendorId = '', deviceId = ''] = pciId.toLowerCase().split(':');
  sys.write(below(device, { vendor: `0x${vendorId}\n`, device: `0x${deviceId}\n`, ...files }));
  sys.link(`${device}/driver`, `/sys/bus/pci/drivers/${driver}`);
  sys.write(below(`${device}/drm/card${minor}`, { dev: `226:${minor}\n`, ...cardFiles }));
  sys.write(below(`${device}/drm/renderD${minor + 128}`, { dev: `226:${minor + 128}\n` }));
  for (const node of [`card${minor}`, `renderD${minor + 128}`]) {
    sys.link(`${device}/drm/${node}/device`, '../..');
    sys.link(`class/drm/${node}`, `../../${device}/drm/${node}`);
  }
  sys.write({ [`class/drm/card${minor}-DP-1/status`]: 'disconnected\n' });
}

/** Takes a card off the bus. */
export function removeDrmCard(sys: TempTree, card: MadeCard): void {
  for (const name of [`card${card.minor}`, `renderD${card.minor + 128}`, `card${card.minor}-DP-1`]) {
    sys.remove(`class/drm/${name}`);
  }
}

/** Gives a process in a `/proc` open device files with their fdinfo, by file descriptor. */
export function addDrmProcess(
  proc: TempTree,
  pid: number,
  open: Readonly<Record<number, { readonly node: string; readonly fdinfo: string }>>,
): void {
  proc.write({ [`${pid}/fd/`]: '', [`${pid}/fdinfo/0`]: 'pos:\t0\nflags:\t0100002\n' });
  proc.link(`${pid}/fd/0`, '/dev/null');
  for (const [fd, { node, fdinfo }] of Object.entries(open)) {
    proc.link(`${pid}/fd/${fd}`, `/dev/dri/${node}`);
    proc.write({ [`${pid}/fdinfo/${fd}`]: fdinfo });
  }
}

/** What shows a `/proc` to be the machine's own and not that of a container. */
export const HOST_PROC: TreeFiles = { '2/comm': 'kthreadd\n', '2/fd/': '' };

const below = (folder: string, files: TreeFiles): TreeFiles =>
  Object.fromEntries(Object.entries(files).map(([path, content]) => [`${folder}/${path}`, content]));

/** The table `gpu_metrics` in version 1.3: `struct gpu_metrics_v1_3` of drivers/gpu/drm/amd/include/kgd_pp_interface.h. */
export function gpuMetricsV13(throttleStatus: bigint): Uint8Array {
  const table = Buffer.alloc(120, 0xff);
  table.writeUInt16LE(120, 0);
  table.writeUInt8(1, 2);
  table.writeUInt8(3, 3);
  table.writeBigUInt64LE(throttleStatus, 112);
  return table;
}

const GIB = 1024 ** 3;

/**
 * Sources: Documentation/gpu/amdgpu/thermal.rst (hwmon, gpu_busy_percent, gpu_metrics), driver-misc.rst
 * (product_name, unique_id, mem_info_*), ras.rst (ras/umc_err_count), Documentation/ABI/testing/sysfs-bus-pci.
 */
export const MI210: MadeCard = {
  minor: 0,
  path: ['0000:40:01.1', '0000:43:00.0'],
  driver: 'amdgpu',
  pciId: '1002:740F',
  files: {
    product_name: 'Instinct MI210\n',
    serial_number: '692231000131\n',
    unique_id: '7d20e1ec62b1a9b3\n',
    gpu_busy_percent: '87\n',
    mem_busy_percent: '41\n',
    mem_info_vram_total: `${64 * GIB - 16 * 1024 ** 2}\n`,
    mem_info_vram_used: `${48 * GIB}\n`,
    current_link_speed: '16.0 GT/s PCIe\n',
    current_link_width: '16\n',
    gpu_metrics: gpuMetricsV13((1n << 0n) | (1n << 36n)),
    'ras/umc_err_count': 'ue: 2\nce: 17\n',
    'power/runtime_status': 'active\n',
    'power/control': 'on\n',
    'hwmon/hwmon3/name': 'amdgpu\n',
    'hwmon/hwmon3/temp1_label': 'edge\n',
    'hwmon/hwmon3/temp1_input': '61000\n',
    'hwmon/hwmon3/temp2_label': 'junction\n',
    'hwmon/hwmon3/temp2_input': '74000\n',
    'hwmon/hwmon3/temp3_label': 'mem\n',
    'hwmon/hwmon3/temp3_input': '68500\n',
    'hwmon/hwmon3/power1_average': '243000000\n',
    'hwmon/hwmon3/power1_cap': '300000000\n',
    'hwmon/hwmon3/freq1_label': 'sclk\n',
    'hwmon/hwmon3/freq1_input': '1700000000\n',
    'hwmon/hwmon3/freq2_label': 'mclk\n',
    'hwmon/hwmon3/freq2_input': '1600000000\n',
  },
};

/** As the MI210; it has no sensor at its edge, its power is not averaged, and its `gpu_metrics` are of version 1.6. */
export const MI300X: MadeCard = {
  minor: 1,
  path: ['0000:00:01.1', '0000:05:00.0'],
  driver: 'amdgpu',
  pciId: '1002:74A1',
  files: {
    product_name: 'AMD Instinct MI300X OAM\n',
    unique_id: '9a7c3d1b2e4f5061\n',
    gpu_busy_percent: '100\n',
    mem_busy_percent: '63\n',
    mem_info_vram_total: `${192 * GIB - 16 * 1024 ** 2}\n`,
    mem_info_vram_used: `${171 * GIB}\n`,
    current_link_speed: '32.0 GT/s PCIe\n',
    current_link_width: '16\n',
    gpu_metrics: Uint8Array.from([0x60, 0x01, 1, 6, ...new Array<number>(348).fill(0)]),
    'ras/umc_err_count': 'ue: 0\nce: 0\nde: 0\n',
    'power/runtime_status': 'active\n',
    'power/control': 'on\n',
    'hwmon/hwmon5/name': 'amdgpu\n',
    'hwmon/hwmon5/temp2_label': 'junction\n',
    'hwmon/hwmon5/temp2_input': '66000\n',
    'hwmon/hwmon5/temp3_label': 'mem\n',
    'hwmon/hwmon5/temp3_input': '52000\n',
    'hwmon/hwmon5/power1_input': '702000000\n',
    'hwmon/hwmon5/power1_cap': '750000000\n',
    'hwmon/hwmon5/freq1_label': 'sclk\n',
    'hwmon/hwmon5/freq1_input': '2100000000\n',
  },
};

/** A consumer card behind its own PCIe switch: Documentation as for the MI210. */
export const RX_7900_XTX: MadeCard = {
  minor: 0,
  path: ['0000:00:01.1', '0000:01:00.0', '0000:02:00.0', '0000:03:00.0'],
  driver: 'amdgpu',
  pciId: '1002:744C',
  files: {
    unique_id: '53c1f3a7d4b20e55\n',
    product_name: '\n',
    gpu_busy_percent: '3\n',
    mem_busy_percent: '1\n',
    mem_info_vram_total: `${24 * GIB - 16 * 1024 ** 2}\n`,
    mem_info_vram_used: '419430400\n',
    current_link_speed: '2.5 GT/s PCIe\n',
    current_link_width: '16\n',
    gpu_metrics: gpuMetricsV13(0n),
    'power/runtime_status': 'active\n',
    'power/control': 'auto\n',
    'hwmon/hwmon2/name': 'amdgpu\n',
    'hwmon/hwmon2/temp1_label': 'edge\n',
    'hwmon/hwmon2/temp1_input': '44000\n',
    'hwmon/hwmon2/temp3_label': 'mem\n',
    'hwmon/hwmon2/temp3_input': '58000\n',
    'hwmon/hwmon2/power1_average': '21000000\n',
    'hwmon/hwmon2/power1_cap': '339000000\n',
    'hwmon/hwmon2/fan1_input': '850\n',
    'hwmon/hwmon2/fan1_max': '3400\n',
    'hwmon/hwmon2/pwm1': '51\n',
    'hwmon/hwmon2/freq1_label': 'sclk\n',
    'hwmon/hwmon2/freq1_input': '46000000\n',
    'hwmon/hwmon2/freq2_label': 'mclk\n',
    'hwmon/hwmon2/freq2_input': '96000000\n',
    // The ports of the machine and of the switch, seen from the card.
    '../../../vendor': '0x1022\n',
    '../../vendor': '0x1002\n',
    '../../current_link_speed': '16.0 GT/s PCIe\n',
    '../../current_link_width': '8\n',
    '../vendor': '0x1002\n',
  },
};

/**
 * Sources: Documentation/ABI/testing/sysfs-driver-intel-i915-hwmon, drivers/gpu/drm/i915/gt/intel_gt_sysfs_pm.c
 * (rps_act_freq_mhz, throttle_reason_*).
 */
export const ARC_A770: MadeCard = {
  minor: 0,
  path: ['0000:00:01.0', '0000:03:00.0'],
  driver: 'i915',
  pciId: '8086:56A0',
  files: {
    current_link_speed: '16.0 GT/s PCIe\n',
    current_link_width: '16\n',
    'power/runtime_status': 'active\n',
    'power/control': 'on\n',
    'hwmon/hwmon4/name': 'i915\n',
    'hwmon/hwmon4/energy1_input': '1000000000\n',
    'hwmon/hwmon4/power1_max': '190000000\n',
    'hwmon/hwmon4/temp1_input': '57000\n',
    'hwmon/hwmon4/fan1_input': '1200\n',
    // The same driver has another chip for each graphics unit.
    'hwmon/hwmon5/name': 'i915_gt0\n',
    'hwmon/hwmon5/energy1_input': '5\n',
  },
  cardFiles: {
    'gt/gt0/rps_act_freq_mhz': '2400\n',
    'gt/gt0/throttle_reason_status': '1\n',
    'gt/gt0/throttle_reason_pl1': '1\n',
    'gt/gt0/throttle_reason_pl2': '0\n',
    'gt/gt0/throttle_reason_thermal': '1\n',
  },
};

/**
 * Sources: Documentation/ABI/testing/sysfs-driver-intel-xe-hwmon, drivers/gpu/drm/xe/xe_gt_freq.c and
 * xe_gt_throttle.c; `physical_vram_size_bytes` as IGT reads it (lib/xe/xe_sysfs).
 */
export const ARC_B580: MadeCard = {
  minor: 1,
  path: ['0000:00:06.0', '0000:04:00.0'],
  driver: 'xe',
  pciId: '8086:E20B',
  files: {
    current_link_speed: '16.0 GT/s PCIe\n',
    current_link_width: '8\n',
    'tile0/physical_vram_size_bytes': `${12 * GIB}\n`,
    'tile0/gt0/freq0/act_freq': '2850\n',
    'tile0/gt0/freq0/throttle/status': '0\n',
    'tile0/gt0/freq0/throttle/reason_pl1': '0\n',
    'power/runtime_status': 'active\n',
    'power/control': 'on\n',
    'hwmon/hwmon6/name': 'xe\n',
    'hwmon/hwmon6/energy2_input': '250000000\n',
    'hwmon/hwmon6/power2_max': '190000000\n',
    'hwmon/hwmon6/temp2_label': 'pkg\n',
    'hwmon/hwmon6/temp2_input': '49000\n',
    'hwmon/hwmon6/temp3_label': 'vram\n',
    'hwmon/hwmon6/temp3_input': '62000\n',
  },
};

/** A processor's own graphics, with the older place of the clock. Sources as for the Arc A770. */
export const UHD_770: MadeCard = {
  minor: 0,
  path: ['0000:00:02.0'],
  driver: 'i915',
  pciId: '8086:4680',
  files: { 'power/runtime_status': 'active\n', 'power/control': 'on\n' },
  cardFiles: { gt_act_freq_mhz: '350\n' },
};

/** The adapter of a virtual machine. */
export const VIRTIO_GPU: MadeCard = {
  minor: 2,
  path: ['0000:00:03.0'],
  driver: 'virtio-pci',
  pciId: '1AF4:1050',
  files: { 'power/runtime_status': 'active\n' },
};

/** AMD's compute driver below `/sys`: a processor, and one node for each card. Source: kfd_topology.c (node_show). */
export function addKfd(
  sys: TempTree,
  cards: readonly {
    readonly gpuId: number;
    readonly location: number;
    readonly target: number;
    readonly minor: number;
  }[],
): void {
  const nodes = 'class/kfd/kfd/topology/nodes';
  sys.write({ [`${nodes}/0/gpu_id`]: '0\n', [`${nodes}/0/properties`]: 'cpu_cores_count 64\nlocation_id 0\n' });
  for (const [index, { gpuId, location, target, minor }] of cards.entries()) {
    const properties = `simd_count 416\ngfx_target_version ${target}\nvendor_id 4098\nlocation_id ${location}\ndomain 0\ndrm_render_minor ${minor}\n`;
    sys.write({ [`${nodes}/${index + 1}/gpu_id`]: `${gpuId}\n`, [`${nodes}/${index + 1}/properties`]: properties });
  }
}
