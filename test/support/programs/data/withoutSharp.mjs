// Runs where sharp is not installed.
import { arrayDataset, DataLoader, imageFolder } from 'receptive/data';

const read = [];
const dataset = arrayDataset(Uint8Array.of(0, 255), [0, 1], [1, 1, 1]);
for await (const batch of new DataLoader(dataset, { batchSize: 2, workers: 1 })) {
  read.push(...(await batch.images.data()));
  batch.dispose();
}
const { name, code, message } = await imageFolder(process.argv[2]).catch((error) => error);
process.stdout.write(JSON.stringify({ read, name, code, message }));
