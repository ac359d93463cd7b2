/*
 * Plays libnvidia-ml.so.1 for tests, with the functions and struct layouts of NVIDIA's nvml.h that the hive uses.
 * The cards are in the text file beside the library, "<library>.cards", which is read again whenever it has changed:
 *
 *   driver_version=535.54.03   lines before the first section are of the driver
 *   init=9                     what nvmlInit_v2 returns
 *   xid=0:79:1                 an Xid error 79 of the first card; the last number tells one event from another
 *   log=1                      writes the name of each function that is called to "<library>.log"
 *   [card]                     the sections of a card are in the order of their indexes
 *   power_usage=67030          a value as NVML has it; a key that is missing is not supported
 *   fail=nvmlDeviceGetName:999 what this function returns
 *   hang=nvmlDeviceGetName     this function does not return while this line stands; also as a line of the driver
 *   compute=675:23068672       a process and the bytes that it holds, or N/A; also graphics=
 *   sample=675:1700000:42      a process, a time in microseconds, and its share of the SMs in percent
 *   lost=1                     the card has fallen off the bus
 *   [mig]                      a slice of the card above
 *
 * With -DOLD_DRIVER it lacks what came with driver 510 and later.
 */
#include "nvml-stub-cards.h"

typedef struct {
  char busIdLegacy[16];
  unsigned domain, bus, device, pciDeviceId, pciSubSystemId;
  char busId[32];
} PciInfo;
typedef struct { unsigned gpu, memory; } Utilization;
typedef struct { u64 total, free, used; } Memory;
typedef struct { unsigned version; u64 total, reserved, free, used; } Memory_v2;
typedef struct { unsigned pid; u64 used; } ProcessInfo_v1;
typedef struct { unsigned pid; u64 used; unsigned gpuInstance, computeInstance; } ProcessInfo_v2;
typedef struct { unsigned pid; u64 timeStamp; unsigned smUtil, memUtil, encUtil, decUtil; } ProcessSample;
typedef struct {
  unsigned fieldId, scopeId;
  long long timestamp, latencyUsec;
  unsigned valueType, nvmlReturn;
  u64 value;
} FieldValue;
typedef struct { void *device; u64 eventType, eventData; unsigned gpuInstance, computeInstance; } EventData;

/* Handles are section numbers, told apart from addresses and indexes by an offset. */
enum { HANDLE_BASE = 0x10000 };
static void *handleOf(int section) { return (void *)(size_t)(HANDLE_BASE + section); }

/* Every function begins here: with the latest file, and as that says. */
static int enter(int section, const char *function) {
  readCards();
  logCall(section, function);
  while (hasLine(section, "hang", function) || hasLine(0, "hang", function)) {
    usleep(HANG_LOOK_US);
    readCards();
  }
  int failure = failureOf(section, function);
  return failure != SUCCESS ? failure : failureOf(0, function);
}

static int enterDevice(void *device, const char *function, int *section) {
  *section = (int)((size_t)device - HANDLE_BASE);
  readCards();
  if (!initialized) return UNINITIALIZED;
  if (*section <= 0) return INVALID;
  if (*section >= sectionCount) return LOST;
  int code = enter(*section, function);
  if (code != SUCCESS) return code;
  return textOf(*section, "lost", 0) != NULL ? LOST : SUCCESS;
}

#define ENTER_DEVICE                                        \
  int section;                                              \
  int code = enterDevice(device, __func__, &section);       \
  if (code != SUCCESS) return code;

int nvmlInit_v2(void) {
  int code = enter(0, __func__);
  u64 told = SUCCESS;
  numberOf(0, "init", &told);
  if (code == SUCCESS) code = (int)told;
  if (code == SUCCESS) initialized = 1;
  return code;
}

int nvmlShutdown(void) {
  int code = enter(0, __func__);
  initialized = 0;
  return code;
}

const char *nvmlErrorString(int code) {
  switch (code) {
    case NOT_SUPPORTED: return "Not Supported";
    case 4: return "Insufficient Permissions";
    case 9: return "Driver Not Loaded";
    case LOST: return "GPU is lost";
    case 18: return "Driver/library version mismatch";
    default: return "Unknown Error";
  }
}

int nvmlSystemGetDriverVersion(char *version, unsigned length) {
  int code = enter(0, __func__);
  return code != SUCCESS ? code : copyText(0, "driver_version", version, length);
}

int nvmlDeviceGetCount_v2(unsigned *count) {
  int code = enter(0, __func__);
  if (code != SUCCESS) return code;
  for (*count = 0; cardAt(*count) != 0; (*count)++);
  return SUCCESS;
}

int nvmlDeviceGetHandleByIndex_v2(unsigned index, void **device) {
  int section = (readCards(), cardAt(index));
  if (section == 0) return INVALID;
  int code = enter(section, __func__);
  if (code == SUCCESS) *device = handleOf(section);
  return code;
}

int nvmlDeviceGetHandleByPciBusId_v2(const char *address, void **device) {
  readCards();
  for (int i = 1; i < sectionCount; i++) {
    if (!hasLine(i, "pci", address)) continue;
    int code = enter(i, __func__);
    if (code == SUCCESS) *device = handleOf(i);
    return code;
  }
  return NOT_FOUND;
}

int nvmlDeviceGetPciInfo_v3(void *device, PciInfo *info) {
  ENTER_DEVICE
  memset(info, 0, sizeof *info);
  return copyText(section, "pci", info->busId, sizeof info->busId);
}

#define DEVICE_TEXT(function, key) \
  int function(void *device, char *text, unsigned length) { ENTER_DEVICE return copyText(section, key, text, length); }
DEVICE_TEXT(nvmlDeviceGetName, "name")
DEVICE_TEXT(nvmlDeviceGetUUID, "uuid")

#define DEVICE_NUMBER(function, key) \
  int function(void *device, unsigned *number) { ENTER_DEVICE return number32(section, key, number); }
DEVICE_NUMBER(nvmlDeviceGetPowerUsage, "power_usage")
DEVICE_NUMBER(nvmlDeviceGetEnforcedPowerLimit, "power_limit")
DEVICE_NUMBER(nvmlDeviceGetFanSpeed, "fan_speed")
DEVICE_NUMBER(nvmlDeviceGetCurrPcieLinkGeneration, "pcie_gen")
DEVICE_NUMBER(nvmlDeviceGetCurrPcieLinkWidth, "pcie_width")
DEVICE_NUMBER(nvmlDeviceGetGpuInstanceId, "gpu_instance")
DEVICE_NUMBER(nvmlDeviceGetComputeInstanceId, "compute_instance")

#define DEVICE_NUMBER_BY_KIND(function, first, second) \
  int function(void *device, unsigned kind, unsigned *number) { \
    ENTER_DEVICE return number32(section, kind == (first##_KIND) ? #first : #second, number); \
  }
enum { temperature_KIND = 0, sm_clock_KIND = 1, pcie_tx_KIND = 0 };
DEVICE_NUMBER_BY_KIND(nvmlDeviceGetTemperature, temperature, none)
DEVICE_NUMBER_BY_KIND(nvmlDeviceGetClockInfo, sm_clock, mem_clock)
DEVICE_NUMBER_BY_KIND(nvmlDeviceGetPcieThroughput, pcie_tx, pcie_rx)

#define DEVICE_NUMBER_64(function, key) \
  int function(void *device, u64 *number) { ENTER_DEVICE return numberOf(section, key, number); }
DEVICE_NUMBER_64(nvmlDeviceGetTotalEnergyConsumption, "energy")
#ifdef OLD_DRIVER
DEVICE_NUMBER_64(nvmlDeviceGetCurrentClocksThrottleReasons, "reasons")
#else
DEVICE_NUMBER_64(nvmlDeviceGetCurrentClocksEventReasons, "reasons")
#endif

int nvmlDeviceGetTotalEccErrors(void *device, unsigned type, unsigned counter, u64 *number) {
  ENTER_DEVICE
  if (counter != 0) return INVALID;
  return numberOf(section, type == 0 ? "ecc_corrected" : "ecc_uncorrected", number);
}

int nvmlDeviceGetCudaComputeCapability(void *device, unsigned *major, unsigned *minor) {
  ENTER_DEVICE
  return numbersOf(section, "capability", (unsigned *[]){ major, minor }, 2);
}

int nvmlDeviceGetUtilizationRates(void *device, Utilization *rates) {
  ENTER_DEVICE
  return numbersOf(section, "utilization", (unsigned *[]){ &rates->gpu, &rates->memory }, 2);
}

int nvmlDeviceGetRemappedRows(void *device, unsigned *fixed, unsigned *unfixed, unsigned *pending, unsigned *failed) {
  ENTER_DEVICE
  return numbersOf(section, "remapped_rows", (unsigned *[]){ fixed, unfixed, pending, failed }, 4);
}

int nvmlDeviceGetMigMode(void *device, unsigned *current, unsigned *pending) {
  ENTER_DEVICE
  return numbersOf(section, "mig_mode", (unsigned *[]){ current, pending }, 2);
}

int nvmlDeviceGetFieldValues(void *device, int count, FieldValue *values) {
  ENTER_DEVICE
  for (int i = 0; i < count; i++) {
    const char *key = values[i].fieldId == 82 ? "memory_temperature" : "none";
    values[i].nvmlReturn = (unsigned)numberOf(section, key, &values[i].value);
  }
  return SUCCESS;
}

int nvmlDeviceGetMemoryInfo(void *device, Memory *memory) {
  ENTER_DEVICE
  u64 reserved = 0;
  numberOf(section, "memory_reserved", &reserved);
  if (numberOf(section, "memory_total", &memory->total) != SUCCESS) return NOT_SUPPORTED;
  if (numberOf(section, "memory_used", &memory->used) != SUCCESS) return NOT_SUPPORTED;
  memory->used += reserved;
  memory->free = memory->total - memory->used;
  return SUCCESS;
}

#ifndef OLD_DRIVER
int nvmlDeviceGetMemoryInfo_v2(void *device, Memory_v2 *memory) {
  ENTER_DEVICE
  if (memory->version != (sizeof *memory | 2u << 24)) return VERSION_MISMATCH;
  memory->reserved = 0;
  numberOf(section, "memory_reserved", &memory->reserved);
  if (numberOf(section, "memory_total", &memory->total) != SUCCESS) return NOT_SUPPORTED;
  if (numberOf(section, "memory_used", &memory->used) != SUCCESS) return NOT_SUPPORTED;
  memory->free = memory->total - memory->used - memory->reserved;
  return SUCCESS;
}
#endif

static void readProcess(const char *text, unsigned *pid, u64 *used) {
  char *rest;
  *pid = (unsigned)strtoul(text, &rest, 10);
  *used = strcmp(rest, ":N/A") == 0 ? ~0ull : strtoull(rest + 1, NULL, 10);
}

#ifndef OLD_DRIVER
static int listProcesses_v2(int section, const char *key, unsigned *count, ProcessInfo_v2 *infos) {
  if (textOf(section, "processes", 0) == NULL) return NOT_SUPPORTED;
  int code = countLines(section, key, count);
  for (unsigned i = 0; code == SUCCESS && i < *count; i++) {
    infos[i].gpuInstance = infos[i].computeInstance = ~0u;
    readProcess(textOf(section, key, (int)i), &infos[i].pid, &infos[i].used);
  }
  return code;
}
#endif

static int listProcesses_v1(int section, const char *key, unsigned *count, ProcessInfo_v1 *infos) {
  if (textOf(section, "processes", 0) == NULL) return NOT_SUPPORTED;
  int code = countLines(section, key, count);
  for (unsigned i = 0; code == SUCCESS && i < *count; i++) {
    readProcess(textOf(section, key, (int)i), &infos[i].pid, &infos[i].used);
  }
  return code;
}

#define PROCESSES(function, key, version) \
  int function(void *device, unsigned *count, ProcessInfo_##version *infos) { \
    ENTER_DEVICE return listProcesses_##version(section, key, count, infos); \
  }
PROCESSES(nvmlDeviceGetComputeRunningProcesses, "compute", v1)
PROCESSES(nvmlDeviceGetGraphicsRunningProcesses, "graphics", v1)
#ifndef OLD_DRIVER
PROCESSES(nvmlDeviceGetComputeRunningProcesses_v3, "compute", v2)
PROCESSES(nvmlDeviceGetGraphicsRunningProcesses_v3, "graphics", v2)
#endif

int nvmlDeviceGetProcessUtilization(void *device, ProcessSample *samples, unsigned *count, u64 lastSeen) {
  ENTER_DEVICE
  unsigned all = *count, found = 0;
  if (textOf(section, "samples", 0) == NULL) return NOT_SUPPORTED;
  code = countLines(section, "sample", &all);
  for (unsigned i = 0; code == SUCCESS && i < all; i++) {
    ProcessSample sample = { 0 };
    sscanf(textOf(section, "sample", (int)i), "%u:%llu:%u", &sample.pid, &sample.timeStamp, &sample.smUtil);
    if (sample.timeStamp > lastSeen) samples[found++] = sample;
  }
  *count = code == SUCCESS ? found : all;
  return code == SUCCESS && found == 0 ? NOT_FOUND : code;
}

int nvmlDeviceGetMaxMigDeviceCount(void *device, unsigned *count) {
  ENTER_DEVICE
  *count = textOf(section, "mig_mode", 0) == NULL ? 0 : MIG_PLACES;
  return SUCCESS;
}

int nvmlDeviceGetMigDeviceHandleByIndex(void *device, unsigned index, void **slice) {
  ENTER_DEVICE
  int place = section + 1 + (int)index;
  for (int i = section + 1; i <= place; i++) {
    if (i >= sectionCount || !sections[i].isSlice) return NOT_FOUND;
  }
  *slice = handleOf(place);
  return SUCCESS;
}

int nvmlEventSetCreate(void **set) {
  int code = enter(0, __func__);
  *set = &lastEvent;
  return code;
}

int nvmlDeviceRegisterEvents(void *device, u64 types, void *set) {
  ENTER_DEVICE
  return set == &lastEvent && types == 8 ? SUCCESS : INVALID;
}

#ifdef OLD_DRIVER
#define nvmlEventSetWait_v2 nvmlEventSetWait
#endif
int nvmlEventSetWait_v2(void *set, EventData *data, unsigned timeoutMs) {
  int code = enter(0, "nvmlEventSetWait_v2");
  if (code != SUCCESS) return code;
  if (set != &lastEvent || timeoutMs == 0) return INVALID;
  for (int nth = 0; textOf(0, "xid", nth) != NULL; nth++) {
    unsigned card, xid;
    int number;
    sscanf(textOf(0, "xid", nth), "%u:%u:%d", &card, &xid, &number);
    if (number <= lastEvent) continue;
    lastEvent = number;
    data->device = handleOf(cardAt(card));
    data->eventType = 8;
    data->eventData = xid;
    return SUCCESS;
  }
  usleep(timeoutMs * 1000);
  return TIMEOUT;
}
