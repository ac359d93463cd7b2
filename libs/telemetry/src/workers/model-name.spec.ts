import { describe, expect, it } from '@jest/globals';

import { modelName } from './model-name.js';

describe('modelName', () => {
  it.each([
    ['Qwen/Qwen3-8B', 'Qwen/Qwen3-8B'],
    ['/models/Qwen3-8B', '/models/Qwen3-8B'],
    ['/models/q4.gguf', 'q4.gguf'],
    ['C.GGUF', 'C.GGUF'],
    ['ggml-org/gemma-3-4b:Q4_K_M', 'ggml-org/gemma-3-4b:Q4_K_M'],
    ['/root/.cache/huggingface/hub/models--Qwen--Qwen3-8B/snapshots/abc', 'Qwen/Qwen3-8B'],
    ['/hub/models--meta-llama--Llama-3.1-8B--x/snapshots/abc/q.gguf', 'meta-llama/Llama-3.1-8B--x'],
    ['/root/.ollama/models/blobs/sha256-6a0746a1ec1a', null],
    ['/blobs/sha256:6a0746a1ec1a', null],
    ['b968826d9c46dd6066d109eabc6255188de91218', null],
    ['/', null],
    ['', null],
  ])('%s', (value, expected) => {
    expect(modelName(value)).toBe(expected);
  });

  it('clips what is too long', () => {
    expect(modelName('x'.repeat(1000))).toHaveLength(256);
  });
});
