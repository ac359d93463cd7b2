import { open } from 'node:fs/promises';
import { join } from 'node:path';

import { type CommandFacts, commandFacts, NO_FACTS, parseCommandLine, parsePort } from './command-line.js';

/** Of one command line. A longer one is cut: the flags that matter stand at its front. */
const COMMAND_LINE_BYTES_MAX = 64 * 1024;
/** How many processes beside the main one are asked for the model. */
const COMMAND_LINES_MAX = 8;

/**
 * What the command lines of a worker say. The main process's comes first; of the others only what that leaves open.
 * An instance is usually called after its port, and that name goes before the port of a process that the main one
 * started for itself.
 */
export async function readFacts(
  procRoot: string,
  instance: string,
  main: number,
  others: readonly number[],
): Promise<CommandFacts> {
  let facts = orElse(await processFacts(procRoot, main), { ...NO_FACTS, port: parsePort(instance) });
  for (const pid of others.slice(0, COMMAND_LINES_MAX)) {
    if (facts.model !== null) break;
    facts = orElse(facts, await processFacts(procRoot, pid));
  }
  return facts;
}

/** The first, with its gaps filled from the second. */
export function orElse(first: CommandFacts, second: CommandFacts): CommandFacts {
  return {
    engine: first.engine ?? second.engine,
    model: first.model ?? second.model,
    port: first.port ?? second.port,
  };
}

/**
 * A promise, unlike the other readings: the kernel takes the process's memory lock for its command line, and a
 * process that hangs in a driver may never give it back.
 */
async function processFacts(procRoot: string, pid: number): Promise<CommandFacts> {
  try {
    await using file = await open(join(procRoot, String(pid), 'cmdline'));
    const { buffer, bytesRead } = await file.read({ buffer: Buffer.alloc(COMMAND_LINE_BYTES_MAX) });
    return commandFacts(parseCommandLine(buffer.toString('utf8', 0, bytesRead)));
  } catch {
    return NO_FACTS;
  }
}
