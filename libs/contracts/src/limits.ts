/** Longest accepted `hive_id`, in characters. */
export const HIVE_ID_LENGTH_MAX = 128;
/** Longest accepted `hive_url` or `queen_url`, in characters. */
export const ORIGIN_LENGTH_MAX = 2048;
/** Longest text field of a telemetry event, in characters; a hive clips, a queen refuses. */
export const TEXT_LENGTH_MAX = 256;
/** Most GPUs of one hive. */
export const GPUS_PER_HIVE_MAX = 64;
/** Most MIG devices of one GPU (the hardware has seven). */
export const MIG_DEVICES_PER_GPU_MAX = 16;
/** Most processes that are listed of one GPU. */
export const PROCESSES_PER_GPU_MAX = 64;
/** Most workers of one hive. */
export const WORKERS_PER_HIVE_MAX = 512;
/** Most processes that are listed of one worker. */
export const PIDS_PER_WORKER_MAX = 256;
/** Longest command line of a worker, in bytes of UTF-8. */
export const COMMAND_BYTES_MAX = 256;
/** Most entries of any short list: throttle reasons, monitors, the GPUs of a worker. */
export const SHORT_LIST_MAX = 64;
/** Largest accepted request body, in bytes. */
export const BODY_BYTES_MAX = 16 * 1024;
/** Largest accepted event of a hive's stream, in bytes. */
export const EVENT_BYTES_MAX = 1024 * 1024;
/** Most hives that one queen follows. */
export const HIVES_MAX = 10_000;
/** Shortest and longest sampling interval, in milliseconds. */
export const INTERVAL_MS_MIN = 100;
export const INTERVAL_MS_MAX = 60_000;
