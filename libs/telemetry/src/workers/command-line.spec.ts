import { describe, expect, it } from '@jest/globals';

import { commandFacts, defaultPortOf, parseCommandLine, parsePort, recognize } from './command-line.js';

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
    ['./llama-server -m /models/q4.gguf --port 8080 -ngl 99', 'llama.cpp', 'q4.gguf', 8080],
    ['llama-server -hf ggml-org/gemma-3-4b', 'llama.cpp', 'ggml-org/gemma-3-4b', null],
    ['python3.12 -m llama_cpp.server --model_path x.gguf', 'llama.cpp', 'x.gguf', null],
    ['/usr/local/bin/ollama runner --model /root/.ollama/blobs/sha256-1 --port 37771', 'ollama', null, 37771],
    ['ollama serve', 'ollama', null, null],
    ['vllm serve /models/a --served-model-name big small --port 1', 'vllm', 'big', 1],
    ['llama-server -m /models/a.gguf --alias chat', 'llama.cpp', 'chat', null],
    [
      'vllm serve /hub/models--Qwen--Qwen3-8B/snapshots/b968826d9c46dd6066d109eabc6255188de91218',
      'vllm',
      'Qwen/Qwen3-8B',
      null,
    ],
    ['lmdeploy serve api_server internlm/internlm3 --server-port 23334', 'lmdeploy', 'internlm/internlm3', 23334],
    ['trtllm-serve meta/llama --port 8001', 'tensorrt-llm', 'meta/llama', 8001],
    ['trtllm-serve serve meta/llama', 'tensorrt-llm', 'meta/llama', null],
    ['aphrodite run m/m', 'aphrodite', 'm/m', null],
    ['tritonserver --http-port=9000', 'triton', null, 9000],
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

/** How the servers that people run look in `ps`, after their own documentation. */
const SERVERS: readonly (readonly [line: string, engine: string])[] = [
  ['vllm serve Qwen/Qwen3-32B', 'vllm'],
  ['/opt/venv/bin/python3.12 /opt/venv/bin/vllm serve Qwen/Qwen3-32B', 'vllm'],
  ['python3 -m vllm.entrypoints.openai.api_server --model m', 'vllm'],
  ['python -u -m vllm.entrypoints.api_server', 'vllm'],
  ['python3 /usr/lib/python3/dist-packages/vllm/entrypoints/openai/api_server.py --model m', 'vllm'],
  ['/nix/store/x/bin/.vllm-wrapped serve m', 'vllm'],
  ['python3 -m sglang.launch_server --model-path m', 'sglang'],
  ['sglang serve --model-path m', 'sglang'],
  ['/app/llama-server -m a.gguf', 'llama.cpp'],
  ['llama-server-vulkan -m a.gguf', 'llama.cpp'],
  ['python3 -m llama_cpp.server --model a.gguf', 'llama.cpp'],
  ['/usr/local/bin/ollama serve', 'ollama'],
  ['text-generation-launcher --model-id m', 'tgi'],
  ['text-embeddings-router --model-id m', 'tei'],
  ['/usr/bin/python3 /usr/local/bin/trtllm-serve m', 'tensorrt-llm'],
  ['tritonserver --model-repository=/models', 'triton'],
  ['python3 /usr/local/bin/lmdeploy serve api_server m', 'lmdeploy'],
  ['python -m mlc_llm serve m', 'mlc-llm'],
  ['python -m mlx_lm.server --model m', 'mlx-lm'],
  ['python /usr/bin/aphrodite run m', 'aphrodite'],
  ['infinity_emb v2 --model-id m', 'infinity'],
  ['./local-ai run', 'localai'],
  ['./Llama-3.2-1B.llamafile --server', 'llamafile'],
  ['python3 /srv/tabbyAPI/main.py', 'tabbyapi'],
  ['/usr/bin/koboldcpp-linux-x64 --model a.gguf', 'koboldcpp'],
  ['python3 koboldcpp.py a.gguf', 'koboldcpp'],
  ['python /srv/ComfyUI/main.py --listen', 'comfyui'],
  ['python3 -u /srv/stable-diffusion-webui/launch.py --api', 'stable-diffusion-webui'],
  ['python3 /srv/stable-diffusion-webui-forge/launch.py', 'sd-forge'],
  ['python /srv/sdnext/launch.py', 'sd.next'],
  ['python /srv/text-generation-webui/server.py --api', 'text-generation-webui'],
  ['whisper-server -m a.bin', 'whisper.cpp'],
];

/** What only has the name of an engine in its line. */
const NO_SERVERS: readonly string[] = [
  'bash',
  '-bash',
  'sh -c vllm serve m',
  'bash /usr/local/bin/vllm serve m',
  'bash -lc ollama serve',
  'zsh ollama serve',
  'grep vllm',
  'grep --color=auto vllm serve',
  'rg ollama serve',
  'tail -f vllm.log',
  'vim vllm',
  'vi llama-server.conf',
  'emacs ollama',
  'less /var/log/ollama',
  'code vllm serve',
  'man ollama serve',
  'which ollama',
  'sudo vllm serve m',
  'sudo -u llm /usr/local/bin/ollama serve',
  'env vllm serve m',
  'nohup vllm serve m',
  'nice -n 5 llama-server',
  'numactl --cpunodebind=0 llama-server -m a',
  'taskset -c 0-7 llama-server -m a',
  'time vllm serve m',
  'timeout 60 vllm serve m',
  'tini -- vllm serve m',
  '/usr/bin/dumb-init -- vllm serve m',
  'uv run vllm serve m',
  'uvx vllm serve m',
  'python3 /usr/bin/poetry run vllm serve m',
  '/opt/conda/bin/python /opt/conda/bin/conda run -n x vllm serve m',
  'torchrun --nproc-per-node 8 -m vllm.entrypoints.openai.api_server',
  'python3 /usr/bin/torchrun -m vllm.entrypoints.openai.api_server',
  'python -m torch.distributed.run -m sglang.launch_server',
  'mpirun -n 8 trtllm-serve m',
  'systemd-run --scope vllm serve m',
  'systemctl start ollama',
  'journalctl -fu ollama serve',
  'docker run --gpus all vllm/vllm-openai vllm serve m',
  'docker exec -it vllm vllm serve m',
  'podman run ollama/ollama serve',
  'kubectl exec -it pod -- vllm serve m',
  'ssh host vllm serve m',
  'tmux new-session -d vllm serve m',
  'SCREEN -dmS x ollama serve',
  'screen -dmS x ollama serve',
  'watch -n1 ollama ps',
  'strace -f vllm serve m',
  'gdb --args llama-server -m a',
  'ollama run llama3',
  'ollama pull llama3',
  'ollama ps',
  'vllm bench serve --model m',
  'vllm chat --url http://localhost:8000',
  'vllm',
  'vllm --help',
  'llama-cli -m a.gguf',
  'llama-bench -m a.gguf',
  'llama-server-watchdog',
  'text-generation-benchmark',
  'trtllm-build --checkpoint_dir x',
  'lmdeploy convert x',
  'python3 -c import vllm; vllm.serve()',
  'python3 -m pip install vllm',
  'python3 -m pytest vllm serve',
  'python3 train.py --engine vllm serve',
  'python3 benchmark_serving.py --backend vllm',
  'python3 vllm_serve.py',
  'python3 main.py',
  'python3 /srv/app/main.py',
  'python3 launch.py',
  'node vllm serve m',
  'nginx -c /etc/vllm.conf',
  'curl http://localhost/vllm serve',
  'prometheus --config ollama serve',
  'xllamafile --server',
  '',
];

describe('recognize', () => {
  const noFolder = (): null => null;
  const recognized = (line: string): ReturnType<typeof recognize> => recognize(line.split(' '), noFolder);

  it.each(SERVERS)('takes for a server: %s', (line, engine) => {
    expect(recognized(line)).toEqual({ engine, serves: true });
  });

  it.each(NO_SERVERS)('takes for none: %s', (line) => {
    expect(recognized(line)).toBeNull();
  });

  it.each([
    ['VLLM::EngineCore', 'vllm'],
    ['VLLM::Worker_TP0', 'vllm'],
    ['sglang::scheduler_TP0', 'sglang'],
    ['sglang::detokenizer', 'sglang'],
    ['/usr/lib/ollama/ollama_llama_server --model x', 'ollama'],
    ['/opt/triton_python_backend_stub x', 'triton'],
  ])('takes for a part of a server: %s', (line, engine) => {
    expect(recognized(line)).toEqual({ engine, serves: false });
  });

  it('asks for the folder of a script with a common name', () => {
    expect(recognize(['python3', 'main.py'], () => '/home/x/ComfyUI')).toEqual({ engine: 'comfyui', serves: true });
    expect(recognize(['python', './launch.py'], () => '/x/stable-diffusion-webui')).toMatchObject({ serves: true });
    expect(recognize(['python3', 'main.py'], () => '/home/x/app')).toBeNull();
    const asked = (): never => {
      throw new Error('nobody needs it');
    };
    expect(recognize(['python3', '/srv/app/main.py'], asked)).toBeNull();
    expect(recognize(['bash', 'main.py'], asked)).toBeNull();
  });

  it('knows where engines listen by default', () => {
    expect(['vllm', 'ollama', 'llama.cpp', 'mistral.rs', null].map(defaultPortOf)).toEqual([
      8000,
      11434,
      8080,
      null,
      null,
    ]);
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
