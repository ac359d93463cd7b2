import { describe, expect, it } from '@jest/globals';

import { cutAtBytes, redactCommand } from './redact-command.js';

const redacted = (line: string): string => redactCommand(line.split(' '));

describe('redactCommand', () => {
  it.each([
    ['vllm serve m --api-key abc', 'vllm serve m --api-key ***'],
    ['vllm serve m --api-key=abc --port 8000', 'vllm serve m --api-key=*** --port 8000'],
    ['vllm serve m --api-key one two three --port 1', 'vllm serve m --api-key *** *** *** --port 1'],
    ['x --api_key abc', 'x --api_key ***'],
    ['x --apiKey abc', 'x --apiKey ***'],
    ['x -api-key abc', 'x -api-key ***'],
    ['x --API-KEY ABC', 'x --API-KEY ***'],
    ['x --hf-token abc --port 1', 'x --hf-token *** --port 1'],
    ['x --token abc', 'x --token ***'],
    ['x --token -abc-', 'x --token ***'],
    ['x --password p4ss word --y 1', 'x --password *** *** --y 1'],
    ['x --db.password abc', 'x --db.password ***'],
    ['x --gradio-auth user:pw', 'x --gradio-auth ***'],
    ['x --admin-secret=abc', 'x --admin-secret=***'],
    ['x --aws-secret-access-key abc', 'x --aws-secret-access-key ***'],
    ['x --ssl-key-password abc', 'x --ssl-key-password ***'],
    ['env HF_TOKEN=abc vllm serve m', 'env HF_TOKEN=*** vllm serve m'],
    ['sh -c HF_TOKEN=abc OPENAI_API_KEY="d e" vllm', 'sh -c HF_TOKEN=*** OPENAI_API_KEY=*** e" vllm'],
    ['docker run -e HUGGING_FACE_HUB_TOKEN=abc img', 'docker run -e HUGGING_FACE_HUB_TOKEN=*** img'],
    ['x token=abc', 'x token=***'],
    ['x http://h/v1?token=abc&x=1', 'x http://h/v1?token=***&x=1'],
    ['x https://user:pw@host/v1', 'x https://***@host/v1'],
    ['x https://ghp@host/v1', 'x https://***@host/v1'],
    ['x postgres://u:p@ss@db', 'x postgres://***@ss@db'],
    ['x {"api_key":"abc","n":1}', 'x {"api_key":***,"n":1}'],
    ['x {"api_key": "abc", "n": 1}', 'x {"api_key": *** *** ***'],
    ["x {'password':'abc'}", "x {'password':***}"],
    ['curl -H Authorization: Bearer abc', 'curl -H Authorization: *** ***'],
    ['curl -H Authorization:Bearer abc', 'curl -H Authorization:*** ***'],
    ['x Bearer abc', 'x Bearer ***'],
    ['curl -u user:pw http://h', 'curl -u *** ***'],
    ['/bin/sshpass -p abc ssh h', '/bin/sshpass *** *** *** ***'],
    ['sshpass -pabc ssh -v h', 'sshpass *** *** -v h'],
    ['x sk-proj-abcdefgh12345678', 'x ***'],
    ['x sk-ant-api03-abcdefgh', 'x ***'],
    ['x hf_abcdefghij', 'x ***'],
    ['x --revision=hf_abcdefghij', 'x --revision=***'],
    ['x ghp_abcdefghij', 'x ***'],
    ['x github_pat_11ABC_def', 'x ***'],
    ['x glpat-abcdefghij', 'x ***'],
    ['x xoxb-123456-abc', 'x ***'],
    ['x nvapi-abcdefghij', 'x ***'],
    ['x AKIAIOSFODNN7EXAMPLE', 'x ***'],
    ['x eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln', 'x ***'],
    ['x 0123456789abcdef0123456789abcdef', 'x ***'],
    ['x aB3dE5gH7jK9mN1pQ3sT5vW7yZ9bC1dE', 'x ***'],
    ['x aB3dE5gH7jK9mN1pQ3sT5vW7-yZ9bC1dE=', 'x ***'],
  ])('hides: %s', (line, expected) => {
    expect(redacted(line)).toBe(expected);
  });

  it.each([
    'vllm serve Qwen/Qwen3-32B --port 8000 --tensor-parallel-size 8 --trust-remote-code',
    'vllm serve m --max-num-batched-tokens 8192 --max-model-len 32768 --tokenizer-mode auto --tokenizer t/t',
    'vllm serve /cache/models--Qwen--Qwen3-8B/snapshots/b968826d9c46dd6066d109eabc6255188de91218',
    'llama-server -m /models/DeepSeek-R1-Distill-Qwen-32B-GGUF-Q4_K_M_Extra-Long-Name.gguf -ngl 99 -c 8192',
    'llama-server --model /m/Meta-Llama-3.1-70B-Instruct-AWQ-INT4-some-other-Words',
    'ollama runner --model /root/.ollama/models/blobs/sha256-6a0746a1ec1aef3e7ec53868f220ff6e389f6f8ef87a01d77c96807de94ca2aa',
    'python3 -m sglang.launch_server --model-path deepseek-ai/DeepSeek-V3 --keep-alive 5 --skip-tokenizer-init',
    'x --num-key-value-heads 8 --max-tokens 512 --cache-type-k q8_0 --key-cache-dtype fp8',
    'x --gpu GPU-513536b6-7d19-9063-b049-1e69664bb298 --host 0.0.0.0',
    'x http://host:8000/v1 user@host:/path --author me --monkey see',
  ])('shows: %s', (line) => {
    expect(redacted(line)).toBe(line);
  });

  it('has no control characters, and none that turn the line around', () => {
    expect(redactCommand(['a\u001b[2Jb', 'c\nd\r', 'e\u202ef', 'g\u0085h\u0000'])).toBe('a [2Jb c d e f g h');
    expect(redactCommand(['sh', '-c', 'x\t--api-key\n  abc'])).toBe('sh -c x --api-key ***');
  });

  it('has at most 256 bytes and ends with a whole character', () => {
    for (const filler of ['x', 'é', '漢', '😀']) {
      for (const shift of ['', 'a', 'ab', 'abc']) {
        const line = redactCommand([shift + filler.repeat(300)]);
        expect(Buffer.byteLength(line)).toBeLessThanOrEqual(256);
        expect(Buffer.byteLength(line)).toBeGreaterThan(252);
        expect(line.replaceAll(filler, '')).toBe(shift);
      }
    }
  });

  it('does not show the half of a secret that is cut off', () => {
    const secret = `aB3dE5gH7jK9mN1pQ3sT${'5vW7yZ9bC1dE'.repeat(40)}`;
    expect(redacted(`x ${'--flag '.repeat(583)} ${secret}`)).not.toContain('aB3');
    expect(redacted(`x --api-key ${secret.repeat(20)}`)).toBe('x --api-key ***');
  });

  it('takes little time for whatever a process calls itself', () => {
    for (const piece of ['a', '"', '=', ':', '-', 'a=', '"a":', '//', '@', 'eyJ.', ' ', '--key ', '\u0000']) {
      expect(Buffer.byteLength(redactCommand([piece.repeat(60_000)]))).toBeLessThanOrEqual(256);
    }
  });

  it('is empty for an empty line', () => {
    expect([redactCommand([]), redactCommand(['']), cutAtBytes('', 0)]).toEqual(['', '', '']);
  });
});
