import { type ChildProcess, spawn } from 'node:child_process';

import { clip } from '../../clip.js';
import { signalGroup, untilGroupGone } from './process-group.js';

/** How long nvidia-smi may take to end by itself once it is told to. */
const TERM_MS = 500;
/** What it said last is kept for the error, in characters. */
const WORDS_MAX = 500;

/**
 * The shell around nvidia-smi. A second one waits for the end of its input, which comes when the hive is gone, however
 * it went, and takes the process group with it: a run that hangs never writes, so no broken pipe would end it. The
 * first waits for both, so that nothing is left over for the first process of a container, which may be the hive
 * itself. Together they take 2 MB; a helper in Node would take 40.
 */
const FENCE = `
trap : TERM
exec 3<&0
"$@" </dev/null 3<&- &
run=$!
(read -r _ <&3; kill -s KILL 0) >/dev/null 2>&1 &
watch=$!
wait "$run"
status=$?
while kill -0 "$run" 2>/dev/null; do wait "$run"; status=$?; done
kill -s KILL "$watch" 2>/dev/null
wait "$watch" 2>/dev/null
exit "$status"
`;

/** One run of nvidia-smi, in a process group of its own that does not outlive the hive. */
export class SmiProcess implements Disposable {
  private readonly child: ChildProcess;
  private words = '';
  private over = false;
  private sigkill: NodeJS.Timeout | undefined;
  /** How it ended: its exit code, or `null` where a signal or a failure to start ended it. Never rejects. */
  readonly ended: Promise<number | null>;

  constructor(executable: string, args: readonly string[], onText: (text: string) => void) {
    this.child = spawn('/bin/sh', ['-c', FENCE, 'sh', executable, ...args], { detached: true, stdio: 'pipe' });
    this.child.stdout?.setEncoding('utf8').on('data', onText);
    this.child.stderr?.setEncoding('utf8').on('data', (text: string) => this.say(text));
    this.child.stdin?.on('error', () => undefined);
    this.ended = this.end().finally(() => this.finish());
    // Where that shell alone was ended, the rest of its group goes on.
    this.child.once('exit', () => signalGroup(this.child.pid, 'SIGKILL'));
  }

  /** The last of what it said on stderr or was noted with `say`; empty where it said nothing. */
  get lastWords(): string {
    return clip(this.words.replace(/\s+/g, ' ').trim());
  }

  /** Adds to its words: nvidia-smi tells some of its failures on stdout. */
  say(text: string): void {
    this.words = `${this.words} ${text}`.slice(-WORDS_MAX);
  }

  /** Asks it to end and kills it half a second later. */
  stop(): void {
    if (this.over || this.sigkill !== undefined) return;
    signalGroup(this.child.pid, 'SIGTERM');
    this.sigkill = setTimeout(() => signalGroup(this.child.pid, 'SIGKILL'), TERM_MS);
  }

  /** Resolves once all of it is gone; rejects when `signal` fires and it has not even ended after SIGKILL. */
  async gone(signal: AbortSignal): Promise<void> {
    if (this.child.pid !== undefined) await untilGroupGone(this.child.pid, signal);
  }

  [Symbol.dispose](): void {
    if (!this.over) signalGroup(this.child.pid, 'SIGKILL');
    this.finish();
  }

  private end(): Promise<number | null> {
    return new Promise((resolve) => {
      this.child.once('close', (code) => resolve(code));
      this.child.once('error', (error) => {
        this.say(error.message);
        resolve(null);
      });
    });
  }

  private finish(): void {
    this.over = true;
    clearTimeout(this.sigkill);
  }
}
