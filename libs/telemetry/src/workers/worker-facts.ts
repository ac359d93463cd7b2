import type { ModelSource } from '#contracts';

import { type CommandFacts, commandFacts, NO_FACTS } from './command-line.js';
import type { CommandLineReader } from './command-line-reader.js';
import { redactCommand } from './redact-command.js';

/** What the command lines of a worker and of who started it say; `null` where they say nothing. */
export interface WorkerFacts extends CommandFacts {
  readonly modelSource: Exclude<ModelSource, 'engine'> | null;
  /** Of the main process, as it may be shown. */
  readonly command: string | null;
}

export const UNKNOWN_FACTS: WorkerFacts = { ...NO_FACTS, modelSource: null, command: null };

/** How many processes beside the main one, and how many above it, are asked for the model. */
const OTHERS_MAX = 8;
const PARENTS_MAX = 4;

/** The processes of one worker and those above it, the nearest first. */
export interface WorkerProcesses {
  readonly main: number;
  readonly others: readonly number[];
  readonly parents: readonly number[];
}

/**
 * What the command lines of a worker say. The main process's comes first; of the others only what that leaves open.
 * `known` is what goes before all others but the main one, such as the port that an instance is called after. A parent
 * outside of the worker tells the model only if it is an engine itself: a shell's `-m` is none.
 */
export async function readFacts(
  lines: CommandLineReader,
  { main, others, parents }: WorkerProcesses,
  known: Partial<CommandFacts>,
): Promise<WorkerFacts> {
  const words = await lines.words(main);
  const command = words === null || words.length === 0 ? null : redactCommand(words);
  let facts = orElse(commandFacts(words ?? []), { ...NO_FACTS, ...known });
  for (const pid of others.slice(0, OTHERS_MAX)) {
    if (facts.model !== null) break;
    const other = commandFacts((await lines.words(pid)) ?? []);
    // A server's helpers have ports for the server alone.
    facts = orElse(facts, facts.engine === null ? other : { ...other, port: null });
  }
  if (facts.model !== null) return { ...facts, modelSource: 'cmdline', command };
  for (const pid of parents.slice(0, PARENTS_MAX)) {
    const parent = commandFacts((await lines.words(pid)) ?? []);
    if (parent.engine === null || parent.model === null) continue;
    return { ...orElse(facts, parent), modelSource: 'parent', command };
  }
  return { ...facts, modelSource: null, command };
}

/** What is known now, and what was known before of the same process: one that renames itself says less than before. */
export function withGapsFilled(now: WorkerFacts, before: WorkerFacts): WorkerFacts {
  const isModelNew = now.model !== null;
  return {
    ...orElse(now, before),
    modelSource: isModelNew ? now.modelSource : before.modelSource,
    command: now.command ?? before.command,
  };
}

/** The first, with its gaps filled from the second. */
function orElse(first: CommandFacts, second: CommandFacts): CommandFacts {
  return {
    engine: first.engine ?? second.engine,
    model: first.model ?? second.model,
    port: first.port ?? second.port,
  };
}
