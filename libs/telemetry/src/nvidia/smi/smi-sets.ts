import { limits } from '#contracts';

import { type SmiQuery, type SmiRow, smiRow } from './smi-columns.js';

/** A longer line is no row: it is skipped to its end, in characters. */
const LINE_MAX = 8192;

/**
 * Cuts the output of one nvidia-smi into ticks, each with a row per card. A tick is full when it has as many rows as
 * the driver counts cards, or when the next one begins, so that a card that gives an error in place of a row does not
 * hold up the others.
 */
export class SmiSets {
  private rest = '';
  private skipping = false;
  private rows: SmiRow[] = [];

  /** `onNoise` hears every line that is no row. */
  constructor(
    private readonly query: SmiQuery,
    private readonly onNoise: (line: string) => void,
  ) {}

  /** The newest tick that this piece of output has completed. */
  push(text: string): readonly SmiRow[] | undefined {
    const lines = (this.rest + text).split('\n');
    this.rest = lines.pop() ?? '';
    let complete: readonly SmiRow[] | undefined;
    for (const line of lines) {
      if (!this.skipping) complete = this.take(line) ?? complete;
      this.skipping = false;
    }
    if (this.rest.length > LINE_MAX) [this.rest, this.skipping] = ['', true];
    return complete;
  }

  private take(line: string): readonly SmiRow[] | undefined {
    const row = smiRow(line.replace(/\r$/, ''), this.query);
    if (row === undefined) {
      if (line.trim() !== '') this.onNoise(line);
      return undefined;
    }
    const before = this.rows;
    if (Number(row.index) <= Number(before.at(-1)?.index ?? -1)) this.rows = [];
    this.rows.push(row);
    const counted = /^\d+$/.test(row.count ?? '') ? Number(row.count) : Infinity;
    if (this.rows.length >= Math.min(counted, limits.GPUS_PER_HIVE_MAX)) return this.flush();
    return this.rows === before ? undefined : before;
  }

  private flush(): readonly SmiRow[] {
    const rows = this.rows;
    this.rows = [];
    return rows;
  }
}
