/** Largest file of an SSH configuration that is read, in bytes. */
export const FILE_BYTES_MAX = 1024 * 1024;
/** Most bytes of all files together. */
export const CONFIG_BYTES_MAX = 4 * 1024 * 1024;
/** Most files, each time that one is included counted. */
export const FILES_MAX = 256;
/** Most paths and patterns that Include lines name. */
export const INCLUDES_MAX = 256;
/** Deepest nesting of Include, as in OpenSSH. */
export const INCLUDE_DEPTH_MAX = 16;
/** Most hosts of one configuration. */
export const HOSTS_MAX = 4096;
/** Most warnings that are kept of one reading. */
export const WARNINGS_MAX = 100;
/** Most folders that are watched for changes. */
export const FOLDERS_WATCHED_MAX = 64;
/** Hosts that are asked at the same time. */
export const ASKED_AT_ONCE_MAX = 16;
/** Names that are looked up at the same time: each holds one of the four threads that Node has for that and for files. */
export const LOOKUPS_AT_ONCE_MAX = 2;
/** Time for a name to be looked up, in ms. */
export const LOOKUP_MS = 2_000;
/** Time for a host to accept a connection, in ms. */
export const CONNECT_MS = 2_000;
/** Time for a host to answer, the connection included, in ms. */
export const ANSWER_MS = 10_000;
/** Most addresses of one host that are tried. */
export const ADDRESSES_MAX = 8;
