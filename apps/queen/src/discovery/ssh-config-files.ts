import { realpath } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, isAbsolute, join, resolve } from 'node:path';
import { setImmediate } from 'node:timers/promises';

import type { SshConfigStatus } from '#contracts';

import { CONFIG_BYTES_MAX, FILES_MAX, INCLUDE_DEPTH_MAX, INCLUDES_MAX, WARNINGS_MAX } from './limits.js';
import { expandPath, type Interest, interestIn } from './path-glob.js';
import { type FileText, readBounded } from './read-bounded.js';
import { matchFault } from './ssh-match.js';
import { parseSshLine, type SshFile, type Statement } from './ssh-statement.js';

/** An SSH configuration with all that it includes, as it is on disk now. */
export interface SshConfigFiles {
  readonly status: Exclude<SshConfigStatus, 'pending'>;
  readonly root: SshFile;
  /** Every file that was read, once, in the order of reading. */
  readonly files: readonly string[];
  /** One sentence each; none of them is an error. */
  readonly warnings: readonly string[];
  /** What may change the above. */
  readonly interests: readonly Interest[];
}

/** Lines that are parsed before other work gets its turn. */
const LINES_AT_A_STRETCH = 500;

/** Reads the configuration at `path` and everything that it includes. Never rejects, executes nothing. */
export function readSshConfig(path: string): Promise<SshConfigFiles> {
  return new Reader(resolve(path)).read();
}

const MISPLACED =
  'this comment is part of the block above it; below its Host line it would be of the block that follows';

/** Whether an option stands, flush left, right above the block that its author may have meant. */
const isMisplaced = (above: string | undefined, statements: readonly Statement[]): boolean =>
  above !== undefined &&
  /^#+\s*apiary:/i.test(above) &&
  statements.some(({ kind }) => kind === 'host' || kind === 'match');

/** A file that is being read, and those that include it: `identities` tells a loop. */
interface Place {
  readonly path: string;
  readonly identities: readonly string[];
}

class Reader {
  private readonly files = new Set<string>();
  private readonly warnings = new Set<string>();
  private readonly interests: Interest[] = [];
  private bytesLeft = CONFIG_BYTES_MAX;
  private filesLeft = FILES_MAX;
  private includesLeft = INCLUDES_MAX;

  constructor(private readonly path: string) {}

  async read(): Promise<SshConfigFiles> {
    this.interests.push(interestIn(this.path));
    const content = await readBounded(this.path);
    const status = content.kind === 'text' ? 'ok' : content.kind === 'missing' ? 'none' : 'unreadable';
    if (content.kind === 'refused') this.warn(`${this.path}: ${content.reason}`);
    const root =
      content.kind === 'text'
        ? await this.parse(content, { path: this.path, identities: [] })
        : { path: this.path, statements: [] };
    return { status, root, files: [...this.files], warnings: [...this.warnings], interests: this.interests };
  }

  private warn(warning: string): void {
    if (this.warnings.size < WARNINGS_MAX) this.warnings.add(warning);
  }

  private async parse({ text, bytes, identity }: FileText, { path, identities }: Place): Promise<SshFile> {
    this.files.add(path);
    this.bytesLeft -= bytes;
    await this.watchTarget(path);
    const statements: Statement[] = [];
    const lines = text.split('\n');
    for (const [index, line] of lines.entries()) {
      if (index % LINES_AT_A_STRETCH === 0) await setImmediate();
      const parsed = parseSshLine(line, index + 1);
      for (const fault of parsed.faults) this.warn(`${path}:${index + 1}: ${fault}`);
      if (isMisplaced(lines[index - 1], parsed.statements)) this.warn(`${path}:${index}: ${MISPLACED}`);
      for (const statement of parsed.statements) {
        statements.push(await this.complete(statement, { path, identities: [...identities, identity] }));
      }
    }
    return { path, statements };
  }

  /** An editor may write to where a link leads. */
  private async watchTarget(path: string): Promise<void> {
    const target = await realpath(path).catch(() => path);
    if (target !== path) this.interests.push(interestIn(target));
  }

  private async complete(statement: Statement, place: Place): Promise<Statement> {
    if (statement.kind === 'match') {
      const fault = matchFault(statement.words);
      if (fault !== undefined) this.warn(`${place.path}:${statement.line}: ${fault}`);
    }
    if (statement.kind !== 'include') return statement;
    const files: SshFile[] = [];
    for (const path of statement.paths) files.push(...(await this.include(path, place, statement.line)));
    return { ...statement, files };
  }

  private async include(path: string, place: Place, line: number): Promise<readonly SshFile[]> {
    const warn = (reason: string): void => this.warn(`${place.path}:${line}: Include ${path.slice(0, 255)}: ${reason}`);
    const absolute = this.absolute(path);
    if (absolute === undefined || this.includesLeft <= 0) {
      warn(
        absolute === undefined ? 'the home of another user is not looked up' : `left out, after ${INCLUDES_MAX} others`,
      );
      return [];
    }
    this.includesLeft -= 1;
    const { paths, interests } = await expandPath(absolute);
    this.interests.push(...interests);
    const files: SshFile[] = [];
    for (const found of paths) {
      const file = await this.readIncluded(found, place, warn);
      if (file !== undefined) files.push(file);
    }
    return files;
  }

  /** A relative path starts at the folder of the first file, whatever file includes it. */
  private absolute(path: string): string | undefined {
    if (path === '~' || path.startsWith('~/')) return join(homedir(), path.slice(1));
    if (path.startsWith('~')) return undefined;
    return isAbsolute(path) ? resolve(path) : join(dirname(this.path), path);
  }

  private async readIncluded(
    path: string,
    { identities }: Place,
    warn: (reason: string) => void,
  ): Promise<SshFile | undefined> {
    const content = await this.contentOf(path, identities);
    this.filesLeft -= 1;
    if (typeof content === 'object') return this.parse(content, { path, identities });
    warn(content);
    return undefined;
  }

  /** The file, or why it is left out. */
  private async contentOf(path: string, identities: readonly string[]): Promise<FileText | string> {
    if (identities.length > INCLUDE_DEPTH_MAX) return `nested more than ${INCLUDE_DEPTH_MAX} deep`;
    if (this.filesLeft <= 0) return `left out, after ${FILES_MAX} files`;
    const content = await readBounded(path);
    if (content.kind === 'missing') return 'there is no such file';
    if (content.kind === 'refused') return `${path}: ${content.reason}`;
    if (identities.includes(content.identity)) return `${path} includes itself`;
    return content.bytes > this.bytesLeft ? `left out, after ${CONFIG_BYTES_MAX} bytes` : content;
  }
}
