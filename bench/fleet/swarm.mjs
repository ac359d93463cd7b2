// A swarm of hives for the load tests, in a process of its own. Says `{read, sentMs}` on its channel every second.
//   node bench/fleet/swarm.mjs QUEEN_URL COUNT
import { sampleGpu, sampleWorker, Swarm } from '#testing';

const [queenUrl, count] = process.argv.slice(2);
/** About 4 KB: two cards and two workers. */
const content = {
  gpus: [0, 1].map((index) => sampleGpu({ id: `GPU-${index}`, index })),
  workers: [8000, 8001].map((port) => sampleWorker({ instance: String(port), port })),
};

const swarm = await Swarm.start({ count: Number(count), queenUrl, content });
const report = setInterval(() => process.send?.({ read: swarm.read, sent: swarm.hives.reduce((sum, { seq }) => sum + seq, 0) }), 250);
process.on('disconnect', async () => {
  clearInterval(report);
  await swarm[Symbol.asyncDispose]();
});
