import { basename, resolve } from 'node:path';

import { KNOWN_ENGINES, type KnownEngine } from './known-engines.js';
import { modelName } from './model-name.js';

/** What a command line says of an inference server; `null` where it says nothing. */
export interface CommandFacts {
  readonly engine: string | null;
  readonly model: string | null;
  readonly port: number | null;
}

export const NO_FACTS: CommandFacts = { engine: null, model: null, port: null };

/** What a process is by its command line alone. */
export interface Recognition {
  readonly engine: string;
  /** The server itself; else a process that a server started for itself. */
  readonly serves: boolean;
}

/** What really runs in a process. */
export interface Program {
  /** The executable without folder and version: all processes of one interpreter have the same. */
  readonly executable: string;
  /** The executable, or behind an interpreter the script without `.py` or the module; empty where that is code. */
  readonly name: string;
  /** The script as it was called. */
  readonly script: string | null;
  readonly args: readonly string[];
}

/** What clients ask for goes before what was loaded: it is also the name that the engine itself answers with. */
const SERVED_NAME_FLAGS: ReadonlySet<string> = new Set(['--served-model-name', '--alias', '-a']);
const MODEL_FLAGS: ReadonlySet<string> = new Set([
  '--model',
  '--model-path',
  '--model_path',
  '--model-id',
  '--model_id',
  '--hf-repo',
  '-m',
  '-hf',
]);
const PORT_FLAGS: readonly string[] = ['--port'];

const INTERPRETER = /^(python|pypy|node|bash|dash|zsh|sh)$/;
/** Of the interpreters, those that engines are written for: a shell that runs one is only its launcher. */
const ENGINE_INTERPRETER = /^(python|pypy)$/;
/** Options of an interpreter that take the next word with them. */
const INTERPRETER_VALUES: ReadonlySet<string> = new Set(['-X', '-W', '--check-hash-based-pycs']);

/** The words of `/proc/{pid}/cmdline`. A process that renamed itself has one word, and perhaps blanks behind it. */
export function parseCommandLine(text: string): string[] {
  const words = text.replace(/[\0 ]+$/, '');
  return words === '' ? [] : words.split('\0');
}

/** Reads engine, model and port from the words of a command line. */
export function commandFacts(words: readonly string[]): CommandFacts {
  const program = programOf(words);
  const known = familyOf(program);
  return {
    engine: known?.engine ?? null,
    model: modelOf(program.args, known),
    port: parsePort(flagValue(program.args, new Set([...PORT_FLAGS, ...(known?.portFlags ?? [])]))),
  };
}

/**
 * Whether this is a process of an inference engine: by what it runs, never by a word somewhere in its line, so that
 * neither a launcher nor who searches for a server is taken for one. `cwd` is asked for where the script's own name
 * says nothing.
 */
export function recognize(words: readonly string[], cwd: () => string | null): Recognition | null {
  const program = programOf(words);
  const server = KNOWN_ENGINES.find((known) => isServer(program, known, cwd));
  if (server !== undefined) return { engine: server.engine, serves: true };
  const child = KNOWN_ENGINES.find(({ children }) => children?.test(program.name));
  return child === undefined ? null : { engine: child.engine, serves: false };
}

/** Where an engine listens if nothing is said; `null` where that is not fixed. */
export function defaultPortOf(engine: string | null): number | null {
  return KNOWN_ENGINES.find((known) => known.engine === engine)?.defaultPort ?? null;
}

/** A TCP port as text; `null` for anything else. */
export function parsePort(text: string | null): number | null {
  return text !== null && /^[1-9]\d{0,4}$/.test(text) && Number(text) <= 65_535 ? Number(text) : null;
}

/**
 * What really runs, and its own arguments: behind a Python interpreter the script, or the module behind its `-m`, which
 * is why an interpreter's `-m` is never taken for a model.
 */
export function programOf(words: readonly string[]): Program {
  const executable = nameOf(words[0] ?? '').replace(/^(python|pypy)[\d.]+$/, '$1');
  if (!INTERPRETER.test(executable)) return { executable, name: executable, script: null, args: words.slice(1) };
  let next = 1;
  for (; next < words.length && words[next]?.startsWith('-') === true; next++) {
    const module = words[next] === '-m' ? (words[next + 1] ?? '') : null;
    if (module !== null) return { executable, name: module, script: null, args: words.slice(next + 2) };
    if (words[next] === '-c') return { executable, name: '', script: null, args: [] };
    if (INTERPRETER_VALUES.has(words[next] ?? '')) next++;
  }
  const script = words[next] ?? '';
  return { executable, name: nameOf(script).replace(/\.py$/, ''), script, args: words.slice(next + 1) };
}

/** Without the folder, and without what NixOS wraps around the names of executables. */
function nameOf(path: string): string {
  return basename(path).replace(/^\.(.+)-wrapped$/, '$1');
}

/** For a process that is known to be part of a worker: tools and children count too. */
function familyOf(program: Program): KnownEngine | undefined {
  return KNOWN_ENGINES.find(
    (known) =>
      runs(program, known, () => null) ||
      (mayBeEngine(program) && [known.children, known.tools].some((pattern) => pattern?.test(program.name))),
  );
}

function isServer(program: Program, known: KnownEngine, cwd: () => string | null): boolean {
  const starts = (command: readonly string[]): boolean =>
    command[0]?.startsWith('-') === true
      ? command.every((flag) => program.args.includes(flag))
      : command.every((word, index) => program.args[index] === word);
  return runs(program, known, cwd) && (known.commands === undefined || known.commands.some(starts));
}

function runs(program: Program, known: KnownEngine, cwd: () => string | null): boolean {
  if (!mayBeEngine(program)) return false;
  if (known.programs.test(program.name)) return true;
  if (program.script === null || known.scripts === undefined) return false;
  if (known.scripts.test(program.script)) return true;
  return /^(\.\/)?[\w-]+\.py$/.test(program.script) && known.scripts.test(resolve(cwd() ?? '/', program.script));
}

function mayBeEngine({ executable }: Program): boolean {
  return !INTERPRETER.test(executable) || ENGINE_INTERPRETER.test(executable);
}

function modelOf(args: readonly string[], known: KnownEngine | undefined): string | null {
  const value =
    (known === undefined ? null : flagValue(args, SERVED_NAME_FLAGS)) ??
    flagValue(args, MODEL_FLAGS) ??
    (known?.positionalModel === true ? positionalModel(args, known) : null);
  return value === null ? null : modelName(value);
}

/** `--flag value` or `--flag=value`; a flag at the end, or before another flag, has no value. */
function flagValue(args: readonly string[], flags: ReadonlySet<string>): string | null {
  for (const [index, word] of args.entries()) {
    const next = args[index + 1];
    if (flags.has(word) && next !== undefined && !next.startsWith('-')) return next;
    const [, name, value] = /^(--?[\w-]+)=(.+)$/s.exec(word) ?? [];
    if (name !== undefined && value !== undefined && flags.has(name)) return value;
  }
  return null;
}

/** `vllm serve MODEL`. */
function positionalModel(args: readonly string[], { commands = [[]] }: KnownEngine): string | null {
  const command = commands.find((words) => words.every((word, index) => args[index] === word));
  const model = command === undefined ? undefined : args[command.length];
  return model === undefined || model.startsWith('-') ? null : model;
}
