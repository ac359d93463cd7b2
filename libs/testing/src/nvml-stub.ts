import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const SOURCE = fileURLToPath(new URL('../native/nvml-stub.c', import.meta.url));

/** Lines `key=value` of the stub's file; a list has a line for each of its values. See `native/nvml-stub.c`. */
export type StubLines = Readonly<Record<string, string | number | bigint | readonly string[]>>;

/** One card in NVML's own units: milliwatts, millijoules, bytes. What has no line is not supported. */
export interface StubCard {
  readonly lines: StubLines;
  /** Its slices, of the same kind of lines. */
  readonly slices?: readonly StubLines[];
}

/**
 * An NVML of a test's own: a library that is compiled from our source, with cards out of a text file that may change
 * while it is in use.
 */
export class NvmlStub implements Disposable {
  /** Without one there is no stub. */
  static readonly hasCompiler = compiles();
  private static readonly built = new Map<string, Buffer>();

  private readonly folder = mkdtempSync(join(tmpdir(), 'nvml-stub-'));
  /** What `HIVE_NVML_LIBRARY` takes. */
  readonly path = join(this.folder, 'libnvidia-ml.so.1');

  /** `driver: 'old'` lacks the functions that came with driver 510 and later. */
  constructor(driver: 'new' | 'old' = 'new') {
    const built = NvmlStub.built.get(driver);
    if (built === undefined) NvmlStub.built.set(driver, compile(driver, this.path));
    else writeFileSync(this.path, built);
    this.play([]);
  }

  /** Plays these cards, with these lines of the driver itself, from the next call on. */
  play(cards: readonly StubCard[], driver: StubLines = {}): void {
    const sections = cards.flatMap(({ lines, slices = [] }) => [
      '[card]',
      ...text(lines),
      ...slices.flatMap((slice) => ['[mig]', ...text(slice)]),
    ]);
    const next = `${this.path}.next`;
    writeFileSync(next, [...text({ driver_version: '999.1', ...driver }), ...sections, ''].join('\n'));
    // Whoever reads sees the old file or the new one, never half of it.
    renameSync(next, `${this.path}.cards`);
  }

  /** The functions that were called while the driver had the line `log=1`: the number of the section, and the name. */
  calls(): readonly string[] {
    const log = `${this.path}.log`;
    return existsSync(log) ? readFileSync(log, 'utf8').trim().split('\n') : [];
  }

  /** Forgets the calls until now. */
  forgetCalls(): void {
    rmSync(`${this.path}.log`, { force: true });
  }

  /** Removes the files; a call that hangs goes on. */
  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

function text(lines: StubLines): string[] {
  return Object.entries(lines).flatMap(([key, value]) => [value].flat().map((one) => `${key}=${one}`));
}

function compiles(): boolean {
  try {
    execFileSync('cc', ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

function compile(driver: 'new' | 'old', path: string): Buffer {
  const flags = driver === 'old' ? ['-DOLD_DRIVER'] : [];
  execFileSync('cc', [...flags, '-O1', '-shared', '-fPIC', '-o', path, SOURCE, '-ldl'], { stdio: 'pipe' });
  return readFileSync(path);
}
