// The hives of bench/fleet.mjs: QUEEN_URL COUNT INTERVAL_MS
import { sampleGpu, sampleWorker, Swarm } from '#testing';

const [queenUrl, count, intervalMs] = process.argv.slice(2);
/** About 4 KB: two cards and two workers. */
const content = {
  gpus: [0, 1].map((index) => sampleGpu({ id: `GPU-${index}`, index })),
  workers: [8000, 8001].map((port) => sampleWorker({ instance: String(port), port })),
};
const swarm = await Swarm.start({ count: Number(count), queenUrl, intervalMs: Number(intervalMs), content });

process.on('message', () => {
  process.send({ read: swarm.read, sent: swarm.hives.reduce((sum, { seq }) => sum + seq, 0) });
});
process.on('disconnect', () => void swarm[Symbol.asyncDispose]());
