// Counts the workers of the process before, during and after loops that are left in several ways.
import { DataLoader, moduleDataset } from 'receptive/data';

let alive = 0;
process.on('worker', (worker) => {
  alive++;
  worker.on('exit', () => alive--);
});

/** @returns the workers alive in the middle of the loop */
async function loop(leave, options = {}) {
  const dataset = await moduleDataset(new URL('./squares.mjs', import.meta.url), { length: 40, ...options });
  let during = 0;
  try {
    for await (const batch of new DataLoader(dataset, { batchSize: 4, workers: 2 })) {
      batch.dispose();
      during = alive;
      leave();
      if (leave.breaks) break;
    }
  } catch (error) {
    if (!/enough|broken/.test(error.message)) throw error;
  }
  return during;
}

const before = alive;
const during = await loop(Object.assign(() => {}, { breaks: true }));
const after = [alive];
await loop(() => {
  throw new Error('enough');
});
after.push(alive);
await loop(() => {}, { failAt: 20 });
after.push(alive);
process.stdout.write(JSON.stringify({ before, during, after }));
