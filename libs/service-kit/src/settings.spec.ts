import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

import { integerSetting, loadSettings, originSetting, type Settings, settingsHelp, textSetting } from './settings.js';

interface Config {
  readonly port: number;
  readonly name: string | undefined;
  readonly url: string | undefined;
}

const SETTINGS: Settings<Config> = {
  port: integerSetting({ env: 'T_PORT', flag: 'port', help: 'the port', fallback: 1, min: 0, max: 9 }),
  name: textSetting({ env: 'T_NAME', flag: 'name', help: 'the name', fallback: undefined }),
  url: originSetting({ env: 'T_URL', flag: 'url', help: 'the URL', fallback: undefined, shownDefault: 'derived' }),
};

const load = (argv: readonly string[] = [], env: NodeJS.ProcessEnv = {}): Config =>
  loadSettings(SETTINGS, 'T_CONFIG', { argv, env });

const refusal = (message: string): unknown => expect.objectContaining({ code: 'CONFIG_INVALID', message });

describe('loadSettings', () => {
  let folder: string;
  let file: string;

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'settings-'));
    file = join(folder, 'config.json');
  });

  afterAll(() => {
    rmSync(folder, { recursive: true });
  });

  it('takes the flag before the environment before the file before the default', () => {
    writeFileSync(file, '{"port": 2}');
    expect(load().port).toBe(1);
    expect(load(['--config', file]).port).toBe(2);
    expect(load([], { T_CONFIG: file }).port).toBe(2);
    expect(load(['--config', file], { T_PORT: '3' }).port).toBe(3);
    expect(load(['--config', file, '--port', '4'], { T_PORT: '3' }).port).toBe(4);
    expect(load(['--port=5']).port).toBe(5);
  });

  it('takes an empty variable for one that is not set, and freezes the result', () => {
    const config = load([], { T_PORT: '', T_NAME: '' });
    expect(config).toEqual({ port: 1, name: undefined, url: undefined });
    expect(Object.isFrozen(config)).toBe(true);
  });

  it.each([
    [['--port', '10'], {}, '--port must be a whole number from 0 to 9, not "10"'],
    [['--port', '1e0'], {}, '--port must be a whole number from 0 to 9, not "1e0"'],
    [[], { T_PORT: ' 1' }, 'T_PORT must be a whole number from 0 to 9, not " 1"'],
    [['--name', ''], {}, '--name is empty, not ""'],
  ])('refuses %j %j', (argv, env, message) => {
    expect(() => load(argv, env)).toThrow(refusal(message));
  });

  it.each([
    ['{"prot": 1}', 'has an unknown setting "prot"'],
    ['[]', 'must hold one JSON object'],
    ['{', "can't be read: "],
    ['{"port": [1, 2]}', '"port" in the config file must be a whole number from 0 to 9'],
  ])('refuses the config file %s', (text, message) => {
    writeFileSync(file, text);
    expect(() => load(['--config', file])).toThrow(
      expect.objectContaining({ code: 'CONFIG_INVALID', message: expect.stringContaining(message) }),
    );
  });

  it('lists every flag with its variable and its default', () => {
    const help = settingsHelp('tool', 'A tool.', SETTINGS, 'T_CONFIG');
    expect(help).toMatch(/--port +T_PORT +the port \(default: 1\)/);
    expect(help).toMatch(/--name +T_NAME +the name \(default: none\)/);
    expect(help).toMatch(/--url +T_URL +the URL \(default: derived\)/);
    expect(help).toMatch(/--config +T_CONFIG/);
  });
});
