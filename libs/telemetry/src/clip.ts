import { describeError, limits } from '#contracts';

/** Cuts a text to what the wire takes; never leaves half of a surrogate pair behind. */
export function clip(text: string, lengthMax: number = limits.TEXT_LENGTH_MAX): string {
  return text.length <= lengthMax ? text : text.slice(0, lengthMax).replace(/[\ud800-\udbff]$/u, '');
}

/** One line for `collection` of whatever was thrown or said. */
export function sentence(error: unknown): string {
  return clip(describeError(error).replace(/\s+/g, ' ').trim());
}
