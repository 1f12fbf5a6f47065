// How much of the reduction of gradients is hidden behind backward(): a training step of a small network by DataParallel,
// against the same step that computes all gradients first and reduces them then, and against one that reduces nothing. The
// three take turns; rank 0 prints medians and the medians of the ratios of each turn.
//
//   mpirun -n 2 --bind-to none -x RECEPTIVE_NUM_THREADS=1 node scripts/overlap.mjs [turns = 31] [samples = 16]
import { crossEntropy, manualSeed, noGrad, rand, randint, synchronize, tidy } from 'receptive';
import { distribute, mpiCommunicator } from 'receptive/distributed';
import { Conv2d, Flatten, Linear, MaxPool2d, ReLU, Sequential } from 'receptive/nn';

const [turns = 31, samples = 16] = process.argv.slice(2).map(Number);
const communicator = await mpiCommunicator();
manualSeed(1);
// 1.9 million parameters, 7.6 MB of gradients: most of them in the last layers, which backward() comes to first.
const model = new Sequential([
  new Conv2d(3, 32, 3, { padding: 1 }),
  new ReLU(),
  new Conv2d(32, 64, 3, { padding: 1 }),
  new ReLU(),
  new MaxPool2d(2),
  new Conv2d(64, 64, 3, { padding: 1 }),
  new ReLU(),
  new MaxPool2d(2),
  new Flatten(),
  new Linear(64 * 8 * 8, 448),
  new ReLU(),
  new Linear(448, 10),
]);
const images = rand([samples, 3, 32, 32]);
const labels = randint(0, 10, [samples]);
const parallel = await distribute(model, { communicator });
const lossOf = () => tidy(() => crossEntropy(model.call(images), labels));

/** Gradients in the buckets that DataParallel makes of 2 MiB. */
function buckets() {
  const all = [[]];
  let bytes = 0;
  for (const { grad } of model.parameters().reverse()) {
    if (bytes + 4 * grad.size > 2 ** 21 && all.at(-1).length > 0) {
      all.push([]);
      bytes = 0;
    }
    all.at(-1).push(grad);
    bytes += 4 * grad.size;
  }
  return all;
}

const ways = {
  async overlapping() {
    const loss = lossOf();
    await parallel.backward(loss);
    loss.dispose();
  },
  async 'one after the other'() {
    const loss = lossOf();
    loss.backward();
    await synchronize();
    await Promise.all(
      noGrad(() => buckets().map((bucket) => ({ done: communicator.allReduceSum_(bucket) }))).map(({ done }) => done),
    );
    loss.dispose();
  },
  async 'without reducing'() {
    const loss = lossOf();
    loss.backward();
    await synchronize();
    loss.dispose();
  },
};

const times = Object.fromEntries(Object.keys(ways).map((name) => [name, []]));
for (let turn = -3; turn < turns; turn++) {
  for (const [name, step] of Object.entries(ways)) {
    await communicator.barrier();
    const start = performance.now();
    await step();
    if (turn >= 0) times[name].push(performance.now() - start);
    model.zeroGrad();
  }
}

const median = (values) => [...values].sort((a, b) => a - b)[values.length >> 1];
if (communicator.rank === 0) {
  for (const [name, list] of Object.entries(times)) {
    const ratio = median(list.map((time, i) => time / times.overlapping[i]));
    console.log(
      `${name}: median ${median(list).toFixed(1)} ms, least ${Math.min(...list).toFixed(1)} ms, ${ratio.toFixed(2)} of overlapping`,
    );
  }
}
await communicator.dispose();
