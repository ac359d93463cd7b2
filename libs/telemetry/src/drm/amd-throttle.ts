/**
 * The bits of `indep_throttle_status`, the same for all chips.
 * Source: the kernel's drivers/gpu/drm/amd/pm/swsmu/inc/amdgpu_smu.h, SMU_THROTTLER_*_BIT.
 */
const REASONS: ReadonlyMap<number, string> = new Map([
  [0, 'ppt0'],
  [1, 'ppt1'],
  [2, 'ppt2'],
  [3, 'ppt3'],
  [4, 'spl'],
  [5, 'fppt'],
  [6, 'sppt'],
  [7, 'sppt_apu'],
  [16, 'tdc_gfx'],
  [17, 'tdc_soc'],
  [18, 'tdc_mem'],
  [19, 'tdc_vdd'],
  [20, 'tdc_cvip'],
  [21, 'edc_cpu'],
  [22, 'edc_gfx'],
  [23, 'apcc'],
  [32, 'temp_gpu'],
  [33, 'temp_core'],
  [34, 'temp_mem'],
  [35, 'temp_edge'],
  [36, 'temp_hotspot'],
  [37, 'temp_soc'],
  [38, 'temp_vr_gfx'],
  [39, 'temp_vr_soc'],
  [40, 'temp_vr_mem0'],
  [41, 'temp_vr_mem1'],
  [42, 'temp_liquid0'],
  [43, 'temp_liquid1'],
  [44, 'vrhot0'],
  [45, 'vrhot1'],
  [46, 'prochot_cpu'],
  [47, 'prochot_gfx'],
  [56, 'ppm'],
  [57, 'fit'],
]);

/** `struct gpu_metrics_v1_3` in the kernel's drivers/gpu/drm/amd/include/kgd_pp_interface.h. */
const V1_3 = { bytes: 120, throttleAt: 112 };
/** The driver fills a table with ones before it writes what the chip has. */
const NOT_REPORTED = 0xffff_ffff_ffff_ffffn;

/**
 * What holds the clocks down, from the table `gpu_metrics`: an empty list where nothing does. `null` for the versions
 * of the table that do not tell it in words common to all chips: only 1.3 is read, which the discrete cards from the
 * RX 5000 and the MI200 on have.
 */
export function amdThrottleReasons(table: Buffer | undefined): readonly string[] | null {
  if (table === undefined || table.length < V1_3.bytes) return null;
  const isV1_3 = table.readUInt16LE(0) === V1_3.bytes && table.readUInt8(2) === 1 && table.readUInt8(3) === 3;
  if (!isV1_3) return null;
  const status = table.readBigUInt64LE(V1_3.throttleAt);
  if (status === NOT_REPORTED) return null;
  return [...REASONS].filter(([bit]) => (status >> BigInt(bit)) & 1n).map(([, reason]) => reason);
}
