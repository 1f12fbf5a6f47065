// One process of several: trains and writes what it saw to <rank>.json in a folder.
//   run.mjs FOLDER '{"dtype": "float32", "samples": 7, "steps": 3, "bucketBytes": 2000, "reduction": "mean"}'
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { memoryStats } from 'receptive';
import { distribute, mpiCommunicator } from 'receptive/distributed';
import { seeded, train } from './training.mjs';

const { dtype, samples, steps, bucketBytes, reduction } = JSON.parse(process.argv[3]);
const communicator = await mpiCommunicator({ timeoutSeconds: 60 });
const { rank, size } = communicator;
// Every process begins with other parameters; rank 0's are to be taken over.
const model = seeded(100 + rank, dtype);
const parallel = await distribute(model, { communicator, bucketBytes, reduction });
const begin = Math.ceil((rank * samples) / size);
const end = Math.ceil(((rank + 1) * samples) / size);
const record = await train(model, { dtype, samples, steps, begin, end, parallel, sums: reduction === 'sum' });
model.dispose();
await communicator.dispose();
const { tensors, allocatedBytes } = memoryStats('cpu');
const json = JSON.stringify({ rank, size, ...record, tensors, allocatedBytes });
writeFileSync(join(process.argv[2], `${rank}.json`), json);
