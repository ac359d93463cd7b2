import { describe, expect, it } from '@jest/globals';

import { eventually, ServiceProcess } from '#testing';

const NOT_JSON = new URL('./ssh_config', import.meta.url).pathname;

describe('a setting that makes no sense', () => {
  it.each([
    ['queen', ['--port', 'abc'], {}, '--port must be a whole number from 0 to 65535, not "abc"'],
    ['queen', ['--port', '70000'], {}, '--port must be a whole number from 0 to 65535, not "70000"'],
    ['queen', [], { QUEEN_PORT: '-1' }, 'QUEEN_PORT must be a whole number from 0 to 65535, not "-1"'],
    ['queen', ['--prot', '1'], {}, "Unknown option '--prot'"],
    ['queen', ['7833'], {}, "Unexpected argument '7833'"],
    ['queen', ['--public-url', 'queen:7833'], {}, '--public-url must be an absolute http(s)://host[:port]'],
    ['queen', ['--config', '/nonexistent.json'], {}, "the config file /nonexistent.json can't be read"],
    ['queen', ['--config', NOT_JSON], {}, `the config file ${NOT_JSON} can't be read`],
    ['hive', ['--interval-ms', '5'], {}, '--interval-ms must be a whole number from 100 to 60000, not "5"'],
    ['hive', ['--id', 'a b'], {}, '--id may hold only letters, digits, ".", "_" and "-", not "a b"'],
    ['hive', [], { HIVE_QUEEN_URL: 'http://q/x' }, 'HIVE_QUEEN_URL must be an absolute http(s)://host[:port]'],
    ['hive', ['--proc-root', '/nonexistent'], {}, '--proc-root is no proc file system, not "/nonexistent"'],
    ['hive', ['--host', '192.0.2.1', '--port', '0'], {}, "can't listen on 192.0.2.1:0"],
  ] as const)('%s %j %j: one sentence and exit code 78', async (service, args, env, sentence) => {
    await using process = new ServiceProcess(service, args, env);
    const { code } = await process.end();
    expect(code).toBe(78);
    expect(process.stdout).toBe('');
    const complaint = process.stderr.split('\n').filter((line) => line.startsWith(`${service}: `));
    expect(complaint).toHaveLength(1);
    expect(complaint[0]).toContain(sentence);
    expect(process.stderr).not.toMatch(/^\s+at /m);
  });

  it('a port in use: one sentence and exit code 78', async () => {
    await using first = new ServiceProcess('queen', ['--port', '0']);
    const { port } = new URL(await first.url());
    await using second = new ServiceProcess('queen', ['--port', port]);
    expect((await second.end()).code).toBe(78);
    expect(second.stderr).toContain(`queen: can't listen on 127.0.0.1:${port}: the port is in use`);
    expect(second.stderr).not.toMatch(/^\s+at /m);
  });

  it.each(['queen', 'hive'] as const)(
    '%s --help names every flag with its variable and ends with 0',
    async (service) => {
      await using process = new ServiceProcess(service, ['--help']);
      expect((await process.end()).code).toBe(0);
      const prefix = service.toUpperCase();
      expect(process.stdout).toMatch(new RegExp(`--port +${prefix}_PORT +port to listen on`));
      expect(process.stdout).toMatch(new RegExp(`--host +${prefix}_HOST`));
      expect(process.stdout).toMatch(new RegExp(`--config +${prefix}_CONFIG`));
      expect(process.stderr).toBe('');
    },
  );

  it('a flag wins over the environment, the environment over the config file', async () => {
    const config = new URL('./hive-config.json', import.meta.url).pathname;
    const facts = async (args: readonly string[], env: Record<string, string>): Promise<unknown> => {
      await using hive = new ServiceProcess('hive', ['--port', '0', '--config', config, ...args], env);
      const url = await hive.url();
      const latest = await eventually('the first sample', async () => {
        const response = await fetch(`${url}/v1/heartbeats`);
        return response.ok && ((await response.json()) as { hive_id: string; interval_ms: number });
      });
      return { hive_id: latest.hive_id, interval_ms: latest.interval_ms };
    };
    expect(await facts([], {})).toEqual({ hive_id: 'from-file', interval_ms: 300 });
    expect(await facts([], { HIVE_ID: 'from-env' })).toEqual({ hive_id: 'from-env', interval_ms: 300 });
    expect(await facts(['--id', 'from-flag'], { HIVE_ID: 'from-env' })).toEqual({
      hive_id: 'from-flag',
      interval_ms: 300,
    });
  });
});
