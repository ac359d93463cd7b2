import { constants } from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';

import { describeError } from '#contracts';

import { FILE_BYTES_MAX } from './limits.js';

const CHUNK_BYTES = 64 * 1024;

/** A file that was read. `identity` is the same for all paths that lead to it. */
export interface FileText {
  readonly kind: 'text';
  readonly text: string;
  readonly bytes: number;
  readonly identity: string;
}

/** What a path holds. `missing`: nothing is there. */
export type FileContent =
  FileText | { readonly kind: 'missing' } | { readonly kind: 'refused'; readonly reason: string };

/** Reads a small regular file. What else may stand at a path, above all a FIFO, is never opened or never waited for. */
export async function readBounded(path: string): Promise<FileContent> {
  try {
    if (!(await stat(path)).isFile()) return { kind: 'refused', reason: 'it is not a regular file' };
    // It may have become something else meanwhile, hence non-blocking.
    await using file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    return await readOpen(file);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return { kind: 'missing' };
    return { kind: 'refused', reason: describeError(error) };
  }
}

/** By what is read, not by what the file says of itself: those of `/proc` say 0. */
async function readOpen(file: FileHandle): Promise<FileContent> {
  const { dev, ino } = await file.stat();
  const chunks: Buffer[] = [];
  let bytes = 0;
  for (;;) {
    const { bytesRead, buffer } = await file.read(Buffer.alloc(CHUNK_BYTES), 0, CHUNK_BYTES, null);
    if (bytesRead === 0) break;
    chunks.push(buffer.subarray(0, bytesRead));
    bytes += bytesRead;
    if (bytes > FILE_BYTES_MAX) return { kind: 'refused', reason: `it is larger than ${FILE_BYTES_MAX} bytes` };
  }
  return { kind: 'text', text: Buffer.concat(chunks).toString('utf8'), bytes, identity: `${dev}:${ino}` };
}
