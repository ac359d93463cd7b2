import { basename } from 'node:path';

import { clip } from '../clip.js';

/** A file or folder that is named after its own hash says nothing of the model in it. */
const HASH_NAME = /^(sha256[-:].*|[0-9a-f]{40,64})$/;
/** `…/models--Qwen--Qwen3-8B/snapshots/…`: how the Hugging Face hub lays out its cache. */
const HUB_CACHE = /(?:^|\/)models--([^/]+?)--([^/]+)(?:\/|$)/;

/**
 * What people call the model that a command line names: a cached repository by its name, a GGUF file without its
 * folder, anything else as it is. `null` where there is only a hash, as for Ollama's files.
 */
export function modelName(value: string): string | null {
  const [, owner, repository] = HUB_CACHE.exec(value) ?? [];
  if (owner !== undefined && repository !== undefined) return clip(`${owner}/${repository}`);
  const name = basename(value);
  if (name === '' || HASH_NAME.test(name)) return null;
  return clip(/\.(gguf|ggml|llamafile)$/i.test(name) ? name : value);
}
