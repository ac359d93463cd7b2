import { basename } from 'node:path';

import { clip } from '../clip.js';

/** What a command line says of an inference server; `null` where it says nothing. */
export interface CommandFacts {
  readonly engine: string | null;
  readonly model: string | null;
  readonly port: number | null;
}

export const NO_FACTS: CommandFacts = { engine: null, model: null, port: null };

/** How the program of each engine is called: an executable, a script or a Python module. First match wins. */
const ENGINES: readonly (readonly [engine: string, program: RegExp])[] = [
  ['vllm', /^vllm\b/i],
  ['sglang', /^sglang\b/i],
  ['llama.cpp', /^(llama-(server|cli)|llama_cpp)\b/],
  ['ollama', /^ollama\b/],
  ['tgi', /^text[-_]generation[-_](launcher|server|router)\b/],
  ['tei', /^text-embeddings-router\b/],
  ['tensorrt-llm', /^trtllm-/],
  ['triton', /^tritonserver\b/],
  ['lmdeploy', /^lmdeploy\b/],
  ['mlc-llm', /^mlc_llm\b/],
];

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
const PORT_FLAGS: ReadonlySet<string> = new Set(['--port']);

const INTERPRETER = /^(python[\d.]*|pypy[\d.]*|node|bash|dash|sh)$/;
/** Options of an interpreter that take the next word with them. */
const INTERPRETER_VALUES: ReadonlySet<string> = new Set(['-X', '-W', '--check-hash-based-pycs']);

/** The words of `/proc/{pid}/cmdline`. A process that renamed itself has one word, and perhaps blanks behind it. */
export function parseCommandLine(text: string): string[] {
  const words = text.replace(/\0+$/, '');
  return words === '' ? [] : words.split('\0');
}

/** Reads engine, model and port from the words of a command line. */
export function commandFacts(words: readonly string[]): CommandFacts {
  const { program, args } = programOf(words);
  const engine = ENGINES.find(([, pattern]) => pattern.test(program))?.[0] ?? null;
  const model = flagValue(args, MODEL_FLAGS) ?? (engine === 'vllm' ? servedModel(args) : null);
  return { engine, model: model === null ? null : clip(model), port: parsePort(flagValue(args, PORT_FLAGS)) };
}

/** A TCP port as text; `null` for anything else. */
export function parsePort(text: string | null): number | null {
  return text !== null && /^[1-9]\d{0,4}$/.test(text) && Number(text) <= 65_535 ? Number(text) : null;
}

/**
 * What really runs, and its own arguments: behind a Python interpreter the script, or the module behind its `-m`, which
 * is why an interpreter's `-m` is never taken for a model.
 */
function programOf(words: readonly string[]): { program: string; args: readonly string[] } {
  const executable = basename(words[0] ?? '');
  if (!INTERPRETER.test(executable)) return { program: executable, args: words.slice(1) };
  let next = 1;
  for (; next < words.length && words[next]?.startsWith('-') === true; next++) {
    if (words[next] === '-m') return { program: words[next + 1] ?? '', args: words.slice(next + 2) };
    if (words[next] === '-c') return { program: '', args: [] };
    if (INTERPRETER_VALUES.has(words[next] ?? '')) next++;
  }
  return { program: basename(words[next] ?? ''), args: words.slice(next + 1) };
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
function servedModel(args: readonly string[]): string | null {
  const [command, model] = args;
  return command === 'serve' && model !== undefined && !model.startsWith('-') ? model : null;
}
