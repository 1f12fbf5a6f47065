// Makes tensors and forgets them, yielding to the event loop now and then; prints the bytes made, the most held at a time
// without a call of the garbage collector, and what is held after such calls.
import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises';
import { memoryStats, zeros } from '../../../dist/index.mjs';

const count = 400;
const size = 1_000_000;
for (let i = 0; i < count; i++) {
  zeros([size]);
  if (i % 10 === 9) await turn();
}
const { peakBytes } = memoryStats();
for (let i = 0; i < 100 && memoryStats().allocatedBytes > 0; i++) {
  globalThis.gc();
  await sleep(10);
}
process.stdout.write(
  JSON.stringify({ made: 4 * count * size, peak: peakBytes, afterCollection: memoryStats().allocatedBytes }),
);
