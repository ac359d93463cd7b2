import { clip } from '../../clip.js';

/** An element of the tree that the package makes: children by name, attributes under `$`. */
export type Element = Readonly<Record<string, unknown>>;

/** What the driver writes where it has nothing to say, in lower case. */
const NOTHING = /^\[?(n\/a|not supported|unknown error|insufficient permissions|none|err!|gpu is lost|)\]?$/;

/** Whether the driver wrote one of its words for having nothing to say. */
export const saysNothing = (text: string): boolean => NOTHING.test(text.trim().toLowerCase());

/** The element, or `undefined` for text, a list or nothing. */
export function element(value: unknown): Element | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Element) : undefined;
}

/** The children of this name: the package gives one as itself and several as a list. */
export function children(parent: unknown, name: string): readonly unknown[] {
  const value = element(parent)?.[name];
  if (value === undefined) return [];
  return Array.isArray(value) ? value : [value];
}

/** The text at the end of a path, clipped to what the wire takes; `null` where it is missing or says nothing. */
export function textAt(parent: unknown, ...path: readonly string[]): string | null {
  const value = path.reduce<unknown>((node, name) => element(node)?.[name], parent);
  return typeof value === 'string' && !saysNothing(value) ? clip(value.trim()) : null;
}

/** The number at the end of a path; `null` where there is none, or it is in another unit than this. */
export function numberAt(parent: unknown, unit: string, ...path: readonly string[]): number | null {
  const [, digits, found] = /^(\d+(?:\.\d+)?)\s*(\S*)$/.exec(textAt(parent, ...path) ?? '') ?? [];
  return digits !== undefined && found === unit ? Number(digits) : null;
}
