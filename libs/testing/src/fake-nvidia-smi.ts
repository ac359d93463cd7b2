import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const BIN = fileURLToPath(new URL('../bin/fake-nvidia-smi', import.meta.url));
const CAPTURES = fileURLToPath(new URL('../fixtures/nvidia-smi/', import.meta.url));

/** The text of one of the captured answers of `nvidia-smi -q -x`, by its file name without the ending. */
export function nvidiaSmiCapture(name: string): string {
  return readFileSync(join(CAPTURES, `${name}.xml`), 'utf8');
}

/** An nvidia-smi of a test's own, with the behaviours of `bin/fake-nvidia-smi`; never named `nvidia-smi` itself. */
export class FakeNvidiaSmi implements Disposable {
  private readonly folder = mkdtempSync(join(tmpdir(), 'fake-nvidia-smi-'));
  private readonly control = join(this.folder, 'control');
  private readonly log = join(this.folder, 'log');
  /** What `HIVE_NVIDIA_SMI` takes. A blank in the path must not matter. */
  readonly path = join(this.folder, 'a card tool');

  /** Plays this capture until it is told otherwise. */
  constructor(capture: string) {
    this.play(capture);
  }

  /** Plays another capture from the next run on. */
  play(capture: string): void {
    const settings = {
      FAKE_NVIDIA_SMI_XML: join(CAPTURES, `${capture}.xml`),
      FAKE_NVIDIA_SMI_CONTROL: this.control,
      FAKE_NVIDIA_SMI_LOG: this.log,
    };
    const exports = Object.entries(settings).map(([name, value]) => `export ${name}='${value}'`);
    writeFileSync(this.path, ['#!/bin/sh', ...exports, `exec '${BIN}' "$@"`, ''].join('\n'), { mode: 0o755 });
    this.behave('play');
  }

  /** One of the modes that the script lists, such as `hang` or `sleep 2`, from the next run on. */
  behave(mode: string): void {
    writeFileSync(this.control, `${mode}\n`);
  }

  /** How many runs there were, and how many began while another still lived. */
  runs(): { started: number; overlapped: number } {
    const events = this.events();
    const count = (wanted: string): number => events.filter(({ event }) => event === wanted).length;
    return { started: count('start'), overlapped: count('overlap') };
  }

  /** The runs that are still alive. */
  alive(): number[] {
    return this.events()
      .filter(({ event, pid }) => event === 'start' && isFake(pid))
      .map(({ pid }) => pid);
  }

  /** Kills what still runs and removes the files. */
  [Symbol.dispose](): void {
    for (const pid of this.alive()) process.kill(pid, 'SIGKILL');
    rmSync(this.folder, { recursive: true, force: true });
  }

  private events(): { event: string; pid: number }[] {
    if (!existsSync(this.log)) return [];
    const lines = readFileSync(this.log, 'utf8').trim().split('\n');
    return lines.map((line) => ({ event: line.split(' ')[0] ?? '', pid: Number(line.split(' ')[1]) }));
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
