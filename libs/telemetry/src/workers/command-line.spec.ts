import { describe, expect, it } from '@jest/globals';

import { commandFacts, parseCommandLine, parsePort } from './command-line.js';

const facts = (line: string): ReturnType<typeof commandFacts> => commandFacts(line.split(' '));

describe('commandFacts', () => {
  it.each([
    ['vllm serve meta-llama/Llama-3-8B --port 8000', 'vllm', 'meta-llama/Llama-3-8B', 8000],
    ['/usr/bin/python3 /opt/venv/bin/vllm serve Qwen/Qwen3-32B', 'vllm', 'Qwen/Qwen3-32B', null],
    ['vllm serve --model facebook/opt-125m --port=8001', 'vllm', 'facebook/opt-125m', 8001],
    ['vllm serve --port 8000', 'vllm', null, 8000],
    ['python3 -m vllm.entrypoints.openai.api_server --model=/models/a --port 9', 'vllm', '/models/a', 9],
    ['python -u -X dev -m vllm.entrypoints.api_server --model m', 'vllm', 'm', null],
    ['VLLM::Worker_TP0', 'vllm', null, null],
    [
      'python3 -m sglang.launch_server --model-path deepseek-ai/DeepSeek-V3 --port 30000',
      'sglang',
      'deepseek-ai/DeepSeek-V3',
      30000,
    ],
    ['./llama-server -m /models/q4.gguf --port 8080 -ngl 99', 'llama.cpp', '/models/q4.gguf', 8080],
    ['llama-server -hf ggml-org/gemma-3-4b', 'llama.cpp', 'ggml-org/gemma-3-4b', null],
    ['python3.12 -m llama_cpp.server --model_path x.gguf', 'llama.cpp', 'x.gguf', null],
    [
      '/usr/local/bin/ollama runner --model /root/.ollama/blobs/sha256-1 --port 37771',
      'ollama',
      '/root/.ollama/blobs/sha256-1',
      37771,
    ],
    ['ollama serve', 'ollama', null, null],
    ['text-generation-launcher --model-id bigscience/bloom --port 80', 'tgi', 'bigscience/bloom', 80],
    ['text-generation-server download-weights', 'tgi', null, null],
    ['tritonserver --model-repository=/models', 'triton', null, null],
    ['nginx -c /etc/vllm.conf', null, null, null],
    ['python3 train.py --model vllm', null, 'vllm', null],
    ['bash /opt/start.sh --model m', null, 'm', null],
  ])('%s', (line, engine, model, port) => {
    expect(facts(line)).toEqual({ engine, model, port });
  });

  it('does not take the module of an interpreter for a model', () => {
    expect(facts('python -m http.server')).toEqual({ engine: null, model: null, port: null });
    expect(facts('/usr/bin/python3.11 -u -m vllm')).toMatchObject({ engine: 'vllm', model: null });
    expect(facts('python -m server -m real-model').model).toBe('real-model');
  });

  it('does not take a flag for the value of a flag', () => {
    expect(facts('server --model --port 80')).toEqual({ engine: null, model: null, port: 80 });
    expect(facts('server --port').port).toBeNull();
    expect(facts('server --model= --port=').model).toBeNull();
    expect(facts('server --models x --export 80')).toEqual({ engine: null, model: null, port: null });
  });

  it('survives every shape', () => {
    for (const words of [
      [],
      [''],
      ['', ''],
      ['python'],
      ['python', '-m'],
      ['python', '-X'],
      ['sh', '-c', '--model x'],
      ['='],
    ]) {
      expect(commandFacts(words)).toEqual({ engine: null, model: null, port: null });
    }
  });

  it('clips a model to what the wire takes', () => {
    expect(commandFacts(['server', '--model', 'x'.repeat(5000)]).model).toHaveLength(256);
  });

  it('keeps blanks and equals signs of a model', () => {
    expect(commandFacts(['server', '--model=/my models/a=b\nc']).model).toBe('/my models/a=b\nc');
  });
});

describe('parseCommandLine', () => {
  it('splits at the zero bytes, and drops those that a renamed process has at its end', () => {
    expect(parseCommandLine('vllm\0serve\0my model\0')).toEqual(['vllm', 'serve', 'my model']);
    expect(parseCommandLine('VLLM::EngineCore\0\0\0\0')).toEqual(['VLLM::EngineCore']);
    expect(parseCommandLine('')).toEqual([]);
  });
});

describe('parsePort', () => {
  it('takes a port and nothing else', () => {
    expect(['8080', '65535', '1'].map(parsePort)).toEqual([8080, 65535, 1]);
    expect(['0', '65536', '080', '8080a', '-1', '', null].map(parsePort)).toEqual(Array(7).fill(null));
  });
});
