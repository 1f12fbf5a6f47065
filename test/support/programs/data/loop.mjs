// Loops over a loader with workers and leaves it in the way named; prints what it saw. The process must end by itself.
import { DataLoader, moduleDataset } from 'receptive/data';

const [how] = process.argv.slice(2);
const dataset = await moduleDataset(new URL('./squares.mjs', import.meta.url), {
  length: 64,
  failAt: how === 'failure' || how === 'death' ? 20 : undefined,
  kill: how === 'death',
});
const loader = new DataLoader(dataset, { batchSize: 4, workers: 2, prefetch: 4 });
const print = (text) => process.stdout.write(`${text}\n`);

async function loop() {
  let seen = 0;
  for await (const batch of loader.epoch(0)) {
    batch.dispose();
    seen++;
    if (how === 'break' && seen === 3) break;
    if (how === 'throw' && seen === 3) throw new Error('enough');
  }
  return seen;
}

if (how === 'abandon') {
  // Neither loop nor return(): what is prepared ahead does not keep the process alive.
  const { value } = await loader.epoch(0).next();
  value.dispose();
  print('abandoned');
} else if (how === 'exit') {
  for await (const batch of loader.epoch(0)) {
    batch.dispose();
    process.exit(3);
  }
} else {
  print(
    await loop().then(
      (seen) => `${seen} batches`,
      (error) => `${error.name} ${error.code ?? ''}: ${error.message}`,
    ),
  );
}
