// The main thread never loads the addon: Node.js would unload it with the last worker, under the feet of its threads.
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';

const entry = new URL('../../../dist/index.mjs', import.meta.url).href;
const program = new URL('./worker.mjs', import.meta.url);
let finished = 0;
for (let i = 0; i < 5; i++) {
  const worker = new Worker(program, { workerData: { job: i % 2 === 0 ? 'convolve' : 'endless', entry } });
  await once(worker, 'message');
  await worker.terminate();
  finished++;
}
process.stdout.write(`${finished} workers`);
