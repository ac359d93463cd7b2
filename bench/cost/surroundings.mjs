// What a hive has to look at: inference servers as real processes, and eight cards that are not there.
import { importTypeScript } from './typescript.mjs';

importTypeScript();
const { engineCapture, FakeEngine, FakeNvidiaSmi, NvmlStub, STUB_H100, nvidiaSmiCapture } =
  await import('../../libs/testing/src/index.ts');

const CARDS = 8;
const HELD_MIB = 8_000;
const MIB = 1024 * 1024;

const VLLM = {
  command: ['/opt/venv/bin/vllm', 'serve', 'Qwen/Qwen3-32B', '--port', '{port}'],
  responses: () => ({
    '/metrics': { type: 'text/plain; version=0.0.4', body: engineCapture('made-vllm-0.11/metrics.txt') },
    '/v1/models': { body: engineCapture('made-vllm-0.11/models.json') },
  }),
};
const LLAMA = {
  command: ['/usr/local/bin/llama-server', '-m', '/models/q4.gguf', '--metrics', '--port', '{port}'],
  responses: () => ({
    '/metrics': { type: 'text/plain; version=0.0.4', body: engineCapture('llama.cpp/made-metrics.txt') },
    '/props': { body: engineCapture('llama.cpp/props.json') },
    '/slots': { body: engineCapture('llama.cpp/slots.json') },
  }),
};

/** As many servers, half of them vLLM and half llama.cpp: three processes each, a port, and their metrics. */
export async function startWorkers(count) {
  const workers = [];
  for (let index = 0; index < count; index++) {
    const { command, responses } = index % 2 === 0 ? VLLM : LLAMA;
    const children = [['VLLM::EngineCore'], ['VLLM::Worker_TP0']];
    workers.push(await FakeEngine.start({ command, children, responses: responses() }));
  }
  return workers;
}

/** Eight cards for a hive through this back end, their memory held by these workers: settings, and how to end them. */
export function startCards(backend, workers) {
  const holders = Array.from({ length: CARDS }, (_, card) =>
    workers.filter((_worker, index) => index % CARDS === card).map(({ pids }) => pids.at(-1)),
  );
  switch (backend) {
    case 'none':
      return { env: {}, end: () => {} };
    case 'demo':
      return { env: { HIVE_GPU_BACKEND: 'demo' }, end: () => {} };
    case 'nvidia-smi':
      return smiCards(holders);
    case 'nvml':
      return nvmlCards(holders);
  }
}

function smiCards(holders) {
  const smi = new FakeNvidiaSmi('made-h100-v13');
  smi.playXml(eightCards(nvidiaSmiCapture('made-h100-v13'), holders));
  const env = { HIVE_GPU_BACKEND: 'nvidia-smi', HIVE_NVIDIA_SMI: smi.path };
  return { env, end: () => smi[Symbol.dispose]() };
}

/** The first card of a capture, eight times, with addresses, names and processes of their own. */
function eightCards(xml, holders) {
  const [card] = /<gpu id=[^]*?<\/gpu>/.exec(xml);
  const cards = holders.map((pids, index) =>
    card
      .replace(/<gpu id="[^"]*"/, `<gpu id="${busId(index)}"`)
      .replace(/<uuid>[^<]*/, `<uuid>GPU-${index}`)
      .replace(/<pci_bus_id>[^<]*/, `<pci_bus_id>${busId(index)}`)
      .replace(/<processes>[^]*<\/processes>/, `<processes>${pids.map(smiProcess).join('')}</processes>`),
  );
  return xml.replace(/<gpu id=[^]*<\/gpu>/, cards.join('\n'));
}

const smiProcess = (pid) =>
  `<process_info><pid>${pid}</pid><type>C</type><process_name>python3</process_name>` +
  `<used_memory>${HELD_MIB} MiB</used_memory></process_info>`;

const busId = (index) => `00000000:${(0x10 + index).toString(16)}:00.0`;

function nvmlCards(holders) {
  if (!NvmlStub.hasCompiler) return undefined;
  const stub = new NvmlStub();
  const cardOf = (pids, index) => ({
    lines: {
      ...STUB_H100,
      uuid: `GPU-${index}`,
      pci: busId(index),
      graphics: [],
      compute: pids.map((pid) => `${pid}:${HELD_MIB * MIB}`),
    },
  });
  stub.play(holders.map(cardOf));
  return { env: { HIVE_GPU_BACKEND: 'nvml', HIVE_NVML_LIBRARY: stub.path }, end: () => stub[Symbol.dispose]() };
}
