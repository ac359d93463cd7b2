import { existsSync, readFileSync } from 'node:fs';

import { describe, expect, it } from '@jest/globals';

import { eventually } from './eventually.js';
import { FakeEngine } from './fake-engine.js';

const file = (pid: number, name: string): string => readFileSync(`/proc/${pid}/${name}`, 'utf8');

/** An orphan that the first process of this container does not come for stays as a zombie. */
const hasEnded = (pid: number): boolean => !existsSync(`/proc/${pid}`) || / Z /.test(file(pid, 'stat'));

describe('FakeEngine', () => {
  it('is a process tree with the command lines of a server, answers, and ends as a whole', async () => {
    await using engine = await FakeEngine.start({
      command: ['/opt/llama-server', '-m', '/models/my model.gguf', '--port', '{port}'],
      children: [['VLLM::EngineCore'], ['VLLM::Worker_TP0']],
      responses: { '/health': { body: '{"status":"ok"}' } },
    });
    const words = `/opt/llama-server\0-m\0/models/my model.gguf\0--port\0${engine.port}\0`;
    expect(file(engine.pid, 'cmdline').replace(/\0+$/, '\0')).toBe(words);
    expect(file(engine.pid, 'comm')).toBe('llama-server\n');
    const { pids } = engine;
    expect(pids).toHaveLength(3);
    expect(pids.slice(1).map((pid) => file(pid, 'cmdline').replace(/\0+$/, ''))).toEqual([
      'VLLM::EngineCore',
      'VLLM::Worker_TP0',
    ]);
    const origin = `http://127.0.0.1:${engine.port}`;
    expect(await (await fetch(`${origin}/health?full=1`)).json()).toEqual({ status: 'ok' });
    engine.answer('/metrics', { status: 503, type: 'text/plain', body: 'loading' });
    await eventually('it answers otherwise', async () => (await fetch(`${origin}/metrics`)).status === 503);
    expect(engine.asked[0]).toBe('/health?full=1');
    engine.kill();
    await eventually('all have ended', () => pids.every(hasEnded));
  });
});
