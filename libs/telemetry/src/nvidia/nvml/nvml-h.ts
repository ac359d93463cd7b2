/**
 * Constants and struct layouts of NVML, from NVIDIA's `nvml.h` (NVIDIA/go-nvml, `gen/nvml/nvml.h`), for the 64-bit
 * little-endian machines that the driver runs on. Sizes and offsets are in bytes.
 */

/** `nvmlReturn_t`. */
export const NVML = {
  SUCCESS: 0,
  NOT_SUPPORTED: 3,
  NO_PERMISSION: 4,
  NOT_FOUND: 6,
  INSUFFICIENT_SIZE: 7,
  FUNCTION_NOT_FOUND: 13,
  GPU_IS_LOST: 15,
  ARGUMENT_VERSION_MISMATCH: 25,
  DEPRECATED: 26,
} as const;

/** None of NVML's: the call was not made, as there was nothing to ask about. */
export const NOT_MADE = -1;

/** What a device or a library can't tell now it can't tell in a second either. */
export const FINAL_CODES = [
  NVML.NOT_SUPPORTED,
  NVML.NO_PERMISSION,
  NVML.FUNCTION_NOT_FOUND,
  NVML.ARGUMENT_VERSION_MISMATCH,
  NVML.DEPRECATED,
] as const;

/** `NVML_DEVICE_NAME_V2_BUFFER_SIZE`, `NVML_DEVICE_UUID_V2_BUFFER_SIZE`; also for the version of the driver. */
export const TEXT_BYTES = 96;

/** `nvmlPciInfo_t`: a legacy address, five numbers, the address. */
export const PCI_INFO = { bytes: 68, busId: 36, busIdBytes: 32 } as const;

/** `nvmlMemory_v2_t`; the version is its size with the number 2 in the upper byte. `used` leaves `reserved` out. */
export const MEMORY_V2 = { bytes: 40, version: 0x0200_0028, total: 8, used: 32 } as const;

/** `nvmlMemory_t`. `used` is total less free, with what the driver reserves. */
export const MEMORY_V1 = { bytes: 24, total: 0, used: 16 } as const;

/** `nvmlProcessInfo_t` as of version 2 of the functions, the slices of a MIG device included. */
export const PROCESS_INFO = { bytes: 24, pid: 0, used: 8 } as const;

/** `nvmlProcessInfo_v1_t`. */
export const PROCESS_INFO_V1 = { bytes: 16, pid: 0, used: 8 } as const;

/** `NVML_VALUE_NOT_AVAILABLE` in 64 bits: what stands for the memory of a process that the driver can't tell. */
export const NOT_AVAILABLE = 0xffff_ffff_ffff_ffffn;

/** `nvmlProcessUtilizationSample_t`. `timeStamp` is in µs of the driver's own clock. */
export const PROCESS_SAMPLE = { bytes: 32, pid: 0, timeStamp: 8, smUtil: 16 } as const;

/** `nvmlFieldValue_t`, with the number of the field that is asked for. */
export const FIELD_VALUE = { bytes: 40, fieldId: 0, nvmlReturn: 28, value: 32, memoryTemperature: 82 } as const;

/** `nvmlEventData_t` as of `nvmlEventSetWait_v2`; the first version ends after `eventData`. */
export const EVENT_DATA = { bytes: 32, device: 0, eventType: 8, eventData: 16 } as const;

/** `nvmlEventTypeXidCriticalError`. */
export const XID_EVENT = 0x8n;

/** `nvmlTemperatureSensors_t`. */
export const TEMPERATURE_GPU = 0;

/** `nvmlClockType_t`. */
export const CLOCK = { SM: 1, MEM: 2 } as const;

/** `nvmlPcieUtilCounter_t`; the driver counts in KB. */
export const PCIE = { TX: 0, RX: 1 } as const;

/** `nvmlMemoryErrorType_t` and the `nvmlEccCounterType_t` that counts since the driver was loaded. */
export const ECC = { CORRECTED: 0, UNCORRECTED: 1, VOLATILE: 0 } as const;

/** `nvmlClocksEventReason…`, once `nvmlClocksThrottleReason…`, as nvidia-smi names them and in its order. */
export const CLOCKS_EVENT_REASONS: ReadonlyMap<number, string> = new Map([
  [0x2, 'applications_clocks_setting'],
  [0x4, 'sw_power_cap'],
  [0x8, 'hw_slowdown'],
  [0x40, 'hw_thermal_slowdown'],
  [0x80, 'hw_power_brake_slowdown'],
  [0x10, 'sync_boost'],
  [0x20, 'sw_thermal_slowdown'],
  [0x100, 'display_clocks_setting'],
]);

/** Idling is no throttling. */
export const CLOCKS_EVENT_IDLE = 0x1;
