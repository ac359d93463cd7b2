/** How the processes of one inference engine can be told by their command lines. */
export interface KnownEngine {
  readonly engine: string;
  /** The server by its executable, console script or Python module, without `.py`. */
  readonly programs: RegExp;
  /** The server by the path of its script, for scripts whose own name says nothing. */
  readonly scripts?: RegExp;
  /** Of these first arguments it takes one to be the server: the same program is a client or a tool with others. */
  readonly commands?: readonly (readonly string[])[];
  /** Whether the word after the command is the model. */
  readonly positionalModel?: true;
  /** Where it listens if it is not told, by its own documentation; left out where that differs from build to build. */
  readonly defaultPort?: number;
  readonly portFlags?: readonly string[];
  /** Processes that the server starts for itself, by what they rename themselves to or by their program. */
  readonly children?: RegExp;
  /** Other programs of the engine, which hold a model and serve nobody. */
  readonly tools?: RegExp;
}

/** The ones that are recognized outside of a slice; the first that matches counts. */
export const KNOWN_ENGINES: readonly KnownEngine[] = [
  {
    engine: 'vllm',
    programs: /^vllm(\.(scripts|entrypoints\.cli\.main))?$/,
    commands: [['serve']],
    positionalModel: true,
    defaultPort: 8000,
    children: /^VLLM::/,
    tools: /^vllm\./,
  },
  {
    engine: 'vllm',
    programs: /^vllm\.entrypoints\.(\w+\.)*\w*server$/,
    scripts: /\/vllm\/entrypoints\/(\w+\/)*api_server\.py$/,
    defaultPort: 8000,
  },
  { engine: 'sglang', programs: /^sglang\.launch_server$/, defaultPort: 30_000, children: /^sglang::/ },
  { engine: 'sglang', programs: /^sglang$/, commands: [['serve']], defaultPort: 30_000, tools: /^sglang\./ },
  {
    engine: 'llama.cpp',
    programs: /^(llama-server(-(cpu|cuda|hip|metal|rocm|sycl|vulkan))?|llama_cpp\.server)$/,
    defaultPort: 8080,
    tools: /^llama-(cli|run|mtmd-cli|bench)$/,
  },
  {
    engine: 'ollama',
    programs: /^ollama$/,
    commands: [['serve'], ['start']],
    defaultPort: 11_434,
    children: /^ollama(_llama_server|-runner)$/,
  },
  {
    engine: 'tgi',
    programs: /^text-generation-(launcher|router)$/,
    defaultPort: 3000,
    portFlags: ['-p'],
    tools: /^text[-_]generation[-_]server\b/,
  },
  { engine: 'tei', programs: /^text-embeddings-router$/, defaultPort: 3000, portFlags: ['-p'] },
  {
    engine: 'tensorrt-llm',
    programs: /^(trtllm-serve|tensorrt_llm\.commands\.serve)$/,
    commands: [['serve'], []],
    positionalModel: true,
    defaultPort: 8000,
    tools: /^trtllm-/,
  },
  {
    engine: 'triton',
    programs: /^tritonserver$/,
    defaultPort: 8000,
    portFlags: ['--http-port'],
    children: /^triton_python_backend_stub$/,
  },
  {
    engine: 'lmdeploy',
    programs: /^lmdeploy(\.cli(\.entrypoint)?)?$/,
    commands: [['serve', 'api_server']],
    positionalModel: true,
    defaultPort: 23_333,
    portFlags: ['--server-port'],
    tools: /^lmdeploy\b/,
  },
  { engine: 'mlc-llm', programs: /^mlc_llm$/, commands: [['serve']], positionalModel: true, defaultPort: 8000 },
  { engine: 'mlx-lm', programs: /^mlx_lm\.server$/, defaultPort: 8080 },
  {
    engine: 'aphrodite',
    programs: /^aphrodite$/,
    commands: [['run'], ['serve']],
    positionalModel: true,
    defaultPort: 2242,
  },
  { engine: 'aphrodite', programs: /^aphrodite\.endpoints\.(\w+\.)*\w*server$/, defaultPort: 2242 },
  { engine: 'infinity', programs: /^infinity_emb$/, commands: [['v2']], defaultPort: 7997 },
  { engine: 'localai', programs: /^local-ai$/, defaultPort: 8080 },
  { engine: 'llamafile', programs: /^(.+\.)?llamafile$/, commands: [['--server']], defaultPort: 8080 },
  { engine: 'tabbyapi', programs: /^tabbyAPI$/i, scripts: /\/tabbyapi[^/]*\/(main|start)\.py$/i, defaultPort: 5000 },
  { engine: 'koboldcpp', programs: /^koboldcpp(-[\w.-]+)?$/i, defaultPort: 5001 },
  { engine: 'xinference', programs: /^xinference-(local|worker)$/, defaultPort: 9997 },
  { engine: 'transformers', programs: /^transformers$/, commands: [['serve']], defaultPort: 8000 },
  { engine: 'mistral.rs', programs: /^mistralrs-server$/ },
  { engine: 'tabby', programs: /^tabby$/, commands: [['serve']], defaultPort: 8080 },
  { engine: 'whisper.cpp', programs: /^whisper-server$/, defaultPort: 8080 },
  { engine: 'wyoming-whisper', programs: /^(wyoming[-_]faster[-_]whisper)$/ },
  { engine: 'comfyui', programs: /^comfyui$/i, scripts: /\/comfyui[^/]*\/main\.py$/i, defaultPort: 8188 },
  { engine: 'invokeai', programs: /^invokeai-web$/, defaultPort: 9090 },
  { engine: 'fooocus', programs: /^fooocus$/i, scripts: /\/fooocus[^/]*\/(launch|entry_with_update)\.py$/i },
  {
    engine: 'sd-forge',
    programs: /^sd-forge$/,
    scripts: /\/(stable-diffusion-webui-(re)?forge|sd-webui-forge|forge)[^/]*\/(launch|webui)\.py$/i,
    defaultPort: 7860,
  },
  {
    engine: 'sd.next',
    programs: /^sdnext$/,
    scripts: /\/(automatic|sd\.?next|vladmandic)[^/]*\/(launch|webui)\.py$/i,
    defaultPort: 7860,
  },
  {
    engine: 'stable-diffusion-webui',
    programs: /^stable-diffusion-webui$/,
    scripts: /\/stable-diffusion-webui[^/]*\/(launch|webui)\.py$/i,
    defaultPort: 7860,
  },
  {
    engine: 'text-generation-webui',
    programs: /^text-generation-webui$/,
    scripts: /\/text-generation-webui[^/]*\/server\.py$/,
    defaultPort: 7860,
    portFlags: ['--listen-port'],
  },
];
