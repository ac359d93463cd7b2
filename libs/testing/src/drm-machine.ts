import { addDrmCard, HOST_PROC, type MadeCard } from './drm-trees.js';
import { ManualClock } from './manual-clock.js';
import { TempTree } from './temp-tree.js';

type ReadFile = (path: string) => Promise<Buffer | undefined>;

interface Reading<Gpu> {
  readonly gpus?: readonly Gpu[];
  readonly hint?: string;
}

/** Whatever reads the cards of a machine. */
interface CardReader<Gpu> {
  read(signal: AbortSignal): Promise<Reading<Gpu> | 'absent'>;
}

/** A longer reading hangs. */
const READING_MS = 5000;

/** A machine with made cards, whose drivers can hang, and what a reading of them gives. */
export class DrmMachine<Gpu> implements Disposable {
  readonly sys = new TempTree({ 'class/drm/version': 'drm 1.1.0 20060810\n' });
  readonly proc = new TempTree(HOST_PROC);
  readonly clock = new ManualClock();
  readonly roots = { sysRoot: this.sys.root, procRoot: this.proc.root };
  /** The files that a driver was asked for, below the root of `/sys`. */
  readonly asked: string[] = [];
  /** Files of a driver that hangs. */
  hung: (path: string) => boolean = () => false;
  private release: () => void = () => undefined;
  private readonly released = new Promise<void>((resolve) => (this.release = resolve));
  private readonly reader: CardReader<Gpu>;

  constructor(cards: readonly MadeCard[], reader: (machine: DrmMachine<Gpu>) => CardReader<Gpu>) {
    for (const card of cards) addDrmCard(this.sys, card);
    this.reader = reader(this);
  }

  /** The reading of files, watched and held up where a driver hangs. */
  watched(readFile: ReadFile): ReadFile {
    return async (path) => {
      this.asked.push(path.replace(this.sys.root, ''));
      if (this.hung(path)) await this.released;
      return readFile(path);
    };
  }

  read(signal: AbortSignal = AbortSignal.timeout(READING_MS)): Promise<Reading<Gpu> | 'absent'> {
    return this.reader.read(signal);
  }

  async gpus(signal?: AbortSignal): Promise<readonly Gpu[]> {
    const reading = await this.read(signal);
    if (reading === 'absent') throw new Error('absent');
    return reading.gpus ?? [];
  }

  /** The drivers answer again. */
  recover(): void {
    this.hung = () => false;
    this.release();
  }

  [Symbol.dispose](): void {
    this.recover();
    this.sys[Symbol.dispose]();
    this.proc[Symbol.dispose]();
  }
}
