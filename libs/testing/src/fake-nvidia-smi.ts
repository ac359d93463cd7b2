import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { csvCards, csvComputeApps } from './fake-nvidia-smi-csv.js';

const BIN = fileURLToPath(new URL('../bin/fake-nvidia-smi', import.meta.url));
const CAPTURES = fileURLToPath(new URL('../fixtures/nvidia-smi/', import.meta.url));

/** What a run was for: `-q -x`, `--query-gpu` or `--query-compute-apps`. */
export type SmiPurpose = 'xml' | 'gpu' | 'apps';

interface RunEvent {
  readonly event: string;
  readonly pid: number;
  readonly purpose: string;
}

/** The text of one of the captured answers of `nvidia-smi -q -x`, by its file name without the ending. */
export function nvidiaSmiCapture(name: string): string {
  return readFileSync(join(CAPTURES, `${name}.xml`), 'utf8');
}

/** An nvidia-smi of a test's own, with the behaviours of `bin/fake-nvidia-smi`; never named `nvidia-smi` itself. */
export class FakeNvidiaSmi implements Disposable {
  private readonly folder = mkdtempSync(join(tmpdir(), 'fake-nvidia-smi-'));
  private readonly control = join(this.folder, 'control');
  private readonly log = join(this.folder, 'log');
  private generation = 0;
  /** What `HIVE_NVIDIA_SMI` takes. A blank in the path must not matter. */
  readonly path = join(this.folder, 'a card tool');

  /** Plays this capture until it is told otherwise. */
  constructor(capture: string) {
    const settings = {
      FAKE_NVIDIA_SMI_XML: join(this.folder, 'capture.xml'),
      FAKE_NVIDIA_SMI_CSV: join(this.folder, 'cards'),
      FAKE_NVIDIA_SMI_APPS: join(this.folder, 'apps'),
      FAKE_NVIDIA_SMI_CONTROL: this.control,
      FAKE_NVIDIA_SMI_LOG: this.log,
    };
    const exports = Object.entries(settings).map(([name, value]) => `export ${name}='${value}'`);
    writeFileSync(this.path, ['#!/bin/sh', ...exports, `exec '${BIN}' "$@"`, ''].join('\n'), { mode: 0o755 });
    this.play(capture);
  }

  /** Plays another capture: a run that loops takes it up with its next tick. */
  play(capture: string): void {
    this.playXml(nvidiaSmiCapture(capture));
  }

  /** As `play`, with XML of the test's own. */
  playXml(xml: string): void {
    this.generation += 1;
    writeFileSync(join(this.folder, 'capture.xml'), xml);
    writeFileSync(join(this.folder, 'apps'), csvComputeApps(xml));
    const cards = csvCards(xml).map((card) => Object.entries(card).map(([field, value]) => `${field}\t${value}\n`));
    writeFileSync(join(this.folder, 'cards'), cards.map((card) => `${card.join('')}.\n`).join(''));
    this.behave('play');
  }

  /** One of the modes that the script lists, such as `hang` or `sleep 2`, from the next run or tick on. */
  behave(mode: string): void {
    writeFileSync(this.control, `${mode}\n${this.generation}\n`);
  }

  /** How many runs there were, and how many began while another of the same purpose still lived. */
  runs(purpose?: SmiPurpose): { started: number; overlapped: number } {
    const events = this.events(purpose);
    const count = (wanted: string): number => events.filter(({ event }) => event === wanted).length;
    return { started: count('start'), overlapped: count('overlap') };
  }

  /** The runs that are still alive. */
  alive(purpose?: SmiPurpose): number[] {
    return this.events(purpose)
      .filter(({ event, pid }) => event === 'start' && isFake(pid))
      .map(({ pid }) => pid);
  }

  /** Kills what still runs and removes the files. */
  [Symbol.dispose](): void {
    for (const pid of this.alive()) process.kill(pid, 'SIGKILL');
    rmSync(this.folder, { recursive: true, force: true });
  }

  private events(purpose?: SmiPurpose): RunEvent[] {
    if (!existsSync(this.log)) return [];
    const lines = readFileSync(this.log, 'utf8').trim().split('\n');
    return lines
      .map((line) => line.split(' '))
      .map(([event = '', pid, of = '']) => ({ event, pid: Number(pid), purpose: of }))
      .filter((event) => purpose === undefined || event.purpose === purpose);
  }
}

/** Whether the process lives and is a run of the script: not a zombie, not a later process of that number. */
function isFake(pid: number): boolean {
  try {
    return /\(fake-nvidia-smi\) [^Z]/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}
