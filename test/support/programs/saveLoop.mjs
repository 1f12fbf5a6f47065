// Saves checkpoints of the given file without end, each with an epoch more, and goes on where the file says. Whoever started it
// kills it.
import { existsSync } from 'node:fs';
import { full, noGrad } from 'receptive';
import { loadCheckpoint, saveCheckpoint } from 'receptive/io';

const [file] = process.argv.slice(2);
const weight = full([700_000], 0);
const model = {
  stateDict: () => ({ tensors: { weight }, values: {} }),
  loadStateDict: ({ tensors }) => noGrad(() => weight.copy_(tensors.weight)),
};
let epoch = 0;
if (existsSync(file)) epoch = (await loadCheckpoint(file, { parts: { model } })).values.epoch;
for (;;) {
  epoch++;
  weight.copy_(full([700_000], epoch));
  await saveCheckpoint(file, { parts: { model }, values: { epoch } });
  process.stdout.write(`${epoch}\n`);
}
