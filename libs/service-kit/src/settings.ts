import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';

import { ApiaryError, describeError, originFault } from '#contracts';

/** One setting: where it may be given, what it may be, what it is otherwise. */
export interface Setting<T> {
  readonly env: string;
  readonly flag: string;
  /** One line for `--help`. */
  readonly help: string;
  readonly fallback: T;
  /** What `--help` shows as the default; `fallback` where left out. */
  readonly shownDefault?: string;
  /** Turns text into the value; throws an Error whose message ends a sentence that starts with the setting's name. */
  readonly parse: (text: string) => T;
}

/** The settings of one service, by the name of their field in its config. */
export type Settings<C> = { readonly [K in keyof C]: Setting<C[K]> };

/** Where settings come from; a test passes its own. */
export interface SettingsSource {
  /** The command line after the command's name. */
  readonly argv: readonly string[];
  readonly env: NodeJS.ProcessEnv;
}

type Common = Omit<Setting<unknown>, 'fallback' | 'parse'>;

/** A whole number within bounds. */
export const integerSetting = (spec: Common & { fallback: number; min: number; max: number }): Setting<number> => ({
  ...spec,
  parse: (text) => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= spec.min && value <= spec.max) return value;
    throw new Error(`must be a whole number from ${spec.min} to ${spec.max}`);
  },
});

/** A text that is not empty; `fault` may refuse it with the end of a sentence. */
export const textSetting = <T extends string | undefined>(
  spec: Common & { fallback: T; fault?: (text: string) => string | undefined },
): Setting<T | string> => ({
  ...spec,
  parse: (text) => {
    const fault = text === '' ? 'is empty' : spec.fault?.(text);
    if (fault !== undefined) throw new Error(fault);
    return text;
  },
});

/** One of a few words. */
export const choiceSetting = <const T extends string>(
  spec: Common & { choices: readonly T[]; fallback: NoInfer<T> },
): Setting<T> => ({
  ...spec,
  parse: (text) => {
    const choice = spec.choices.find((each) => each === text);
    if (choice !== undefined) return choice;
    throw new Error(`must be one of ${spec.choices.join(', ')}`);
  },
});

/** `on` or `off`. */
export const switchSetting = (spec: Common & { fallback: boolean }): Setting<boolean> => ({
  ...spec,
  shownDefault: spec.fallback ? 'on' : 'off',
  parse: (text) => {
    if (text === 'on' || text === 'off') return text === 'on';
    throw new Error('must be on or off');
  },
});

/** An absolute `http(s)://host[:port]`, in its normal form. */
export const originSetting = (spec: Common & { fallback: string | undefined }): Setting<string | undefined> => ({
  ...spec,
  parse: (text) => {
    const fault = originFault(text);
    if (fault !== undefined) throw new Error(fault);
    return new URL(text).origin;
  },
});

/** Where a service listens: `PREFIX_HOST`, this machine alone by default, and `PREFIX_PORT`, 0 for a free one. */
export const listenSettings = (
  prefix: string,
  port: number,
): Settings<{ readonly host: string; readonly port: number }> => ({
  host: textSetting({ env: `${prefix}_HOST`, flag: 'host', help: 'address to listen on', fallback: '127.0.0.1' }),
  port: integerSetting({
    env: `${prefix}_PORT`,
    flag: 'port',
    help: 'port to listen on, 0 for a free one',
    fallback: port,
    min: 0,
    max: 65_535,
  }),
});

/**
 * Reads all settings: flag before environment before config file before default.
 * Throws `CONFIG_INVALID` with one sentence that names what makes no sense.
 */
export function loadSettings<C extends object>(
  settings: Settings<C>,
  configEnv: string,
  { argv, env }: SettingsSource,
): Readonly<C> {
  const flags = readFlags(settings, argv);
  const file = readConfigFile(settings, flags['config'] ?? (env[configEnv] || undefined));
  const config: Partial<C> = {};
  for (const key in settings) {
    const setting = settings[key];
    const given =
      named(`--${setting.flag}`, flags[setting.flag]) ??
      named(setting.env, env[setting.env] || undefined) ??
      named(`"${setting.flag}" in the config file`, file[setting.flag]);
    config[key] = given === undefined ? setting.fallback : parse(setting, given);
  }
  return Object.freeze(config as C);
}

/** The text of `--help`. */
export function settingsHelp(command: string, about: string, settings: Settings<object>, configEnv: string): string {
  const rows = listOf(settings).map(({ flag, env, help, fallback, shownDefault }) => [
    `--${flag}`,
    env,
    `${help} (default: ${shownDefault ?? showDefault(fallback)})`,
  ]);
  rows.push(['--config', configEnv, 'JSON file with any of these settings, by flag name (default: none)']);
  rows.push(['--help', '', 'show this text']);
  const widths = [0, 1].map((column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)) + 2);
  const lines = rows.map(([flag = '', env = '', help = '']) =>
    `  ${flag.padEnd(widths[0] ?? 0)}${env.padEnd(widths[1] ?? 0)}${help}`.trimEnd(),
  );
  return `${about}\n\nUsage: ${command} [--flag value]…\n\nA flag wins over its environment variable.\n\n${lines.join('\n')}\n`;
}

const listOf = (settings: object): readonly Setting<unknown>[] => Object.values(settings) as Setting<unknown>[];

const showDefault = (fallback: unknown): string =>
  typeof fallback === 'string' || typeof fallback === 'number' ? String(fallback) : 'none';

interface Given {
  readonly name: string;
  readonly text: string;
}

const named = (name: string, text: string | undefined): Given | undefined =>
  text === undefined ? undefined : { name, text };

function parse<T>(setting: Setting<T>, { name, text }: Given): T {
  try {
    return setting.parse(text);
  } catch (error) {
    throw new ApiaryError('CONFIG_INVALID', `${name} ${describeError(error)}, not ${JSON.stringify(text)}`);
  }
}

function readFlags(settings: Settings<object>, argv: readonly string[]): Record<string, string | undefined> {
  const known = [...listOf(settings).map(({ flag }) => flag), 'config'];
  try {
    const options = Object.fromEntries(known.map((flag) => [flag, { type: 'string' as const }]));
    return parseArgs({ args: [...argv], options, strict: true }).values;
  } catch (error) {
    const sentence = describeError(error).split(/[.\n]/, 1)[0] ?? '';
    throw new ApiaryError('CONFIG_INVALID', `${sentence}; --help lists the flags`);
  }
}

function readConfigFile(settings: Settings<object>, path: string | undefined): Record<string, string> {
  if (path === undefined) return {};
  const content = parseConfigFile(path);
  const known = new Set(listOf(settings).map(({ flag }) => flag));
  const unknown = Object.keys(content).find((key) => !known.has(key));
  if (unknown !== undefined) {
    throw new ApiaryError('CONFIG_INVALID', `the config file ${path} has an unknown setting "${unknown}"`);
  }
  return Object.fromEntries(Object.entries(content).map(([key, value]) => [key, String(value)]));
}

function parseConfigFile(path: string): object {
  try {
    const content: unknown = JSON.parse(readFileSync(path, 'utf8'));
    if (typeof content === 'object' && content !== null && !Array.isArray(content)) return content;
  } catch (error) {
    throw new ApiaryError('CONFIG_INVALID', `the config file ${path} can't be read: ${describeError(error)}`);
  }
  throw new ApiaryError('CONFIG_INVALID', `the config file ${path} must hold one JSON object`);
}
