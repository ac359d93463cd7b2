import { pciAddress } from '../../gpu-order.js';
import { kernelNumber } from '../../kernel-files.js';
import type { GpuProcess } from '../../monitor.js';
import { SmiProcess } from './smi-process.js';

/** A longer answer is not believed, in characters: 4096 processes of one card are far more than a driver can serve. */
const ANSWER_MAX = 1024 * 1024;

/** The address of the card itself, also for a process in one of its slices. */
const ARGS = ['--query-compute-apps=pid,used_gpu_memory,gpu_bus_id', '--format=csv,noheader,nounits'];

/** The processes that compute, by the PCI address of their card; `null` for a card whose driver can't list them. */
export type ComputeApps = ReadonlyMap<string, readonly GpuProcess[] | null>;

/**
 * Runs `nvidia-smi --query-compute-apps=…` once. On purpose not for ever as the cards are: where nothing computes it
 * prints nothing, and a child that is silent for that reason looks like one that hangs.
 */
export function startApps(executable: string): { readonly run: SmiProcess; readonly apps: Promise<ComputeApps> } {
  let answer = '';
  const run = new SmiProcess(executable, ARGS, (text) => {
    if (answer.length < ANSWER_MAX) answer += text;
  });
  const apps = run.ended.then((code) => {
    if (code === 0 && answer.length < ANSWER_MAX) return parseApps(answer);
    throw new Error(run.lastWords || answer.slice(0, 200).trim() || `nvidia-smi ended (${code ?? 'killed'})`);
  });
  return { run, apps };
}

/** Throws where a line is no process: part of a list must not pass for all of it. */
export function parseApps(answer: string): ComputeApps {
  const apps = new Map<string, readonly GpuProcess[] | null>();
  const lines = answer.split('\n').filter((line) => line.trim() !== '' && !/^no running/i.test(line));
  for (const line of lines) {
    const [pidCell = '', memoryCell, busId] = line.split(', ').map((cell) => cell.trim());
    const card = pciAddress(busId);
    if (card === null) throw new Error(`nvidia-smi told of no process: ${line.slice(0, 100)}`);
    const [before, pid] = [apps.get(card) ?? [], kernelNumber(pidCell)];
    const listed = apps.get(card) !== null && pid !== null;
    apps.set(card, listed ? [...before, { pid, vram_mb: kernelNumber(memoryCell), sm_util_pct: null }] : null);
  }
  return apps;
}
