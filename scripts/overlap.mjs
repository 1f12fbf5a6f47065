// How much of the reduction of gradients is hidden behind backward(): a training step of a small network by DataParallel,
// against the same step that computes all gradients first and reduces them then, and against one that reduces nothing. The
// three take turns. Rank 0 prints medians: of the step, of what of it comes after the last gradient has been computed (all of the
// reduction, where nothing is hidden), and of the processor's time; and of the ratio of the steps of each turn.
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

/** Each does a step and gives the time when the last gradient was computed. */
const ways = {
  async overlapping() {
    const loss = lossOf();
    const reduced = parallel.backward(loss);
    const computed = synchronize().then(() => performance.now());
    await reduced;
    loss.dispose();
    return computed;
  },
  async 'one after the other'() {
    const loss = lossOf();
    loss.backward();
    await synchronize();
    const computed = performance.now();
    await Promise.all(noGrad(() => buckets().map((bucket) => [communicator.allReduceSum_(bucket)])).flat());
    loss.dispose();
    return computed;
  },
  async 'without reducing'() {
    const loss = lossOf();
    loss.backward();
    await synchronize();
    loss.dispose();
    return performance.now();
  },
};

const names = Object.keys(ways);
const results = Object.fromEntries(names.map((name) => [name, { wall: [], exposed: [], cpu: [] }]));
for (let turn = -3; turn < turns; turn++) {
  for (let i = 0; i < names.length; i++) {
    const name = names[(i + turn + names.length) % names.length];
    await communicator.barrier();
    const usage = process.cpuUsage();
    const start = performance.now();
    const computed = await ways[name]();
    const end = performance.now();
    const { user, system } = process.cpuUsage(usage);
    if (turn >= 0) {
      results[name].wall.push(end - start);
      results[name].exposed.push(Math.max(0, end - computed));
      results[name].cpu.push((user + system) / 1000);
    }
    model.zeroGrad();
  }
}

const median = (values) => [...values].sort((a, b) => a - b)[values.length >> 1].toFixed(1);
if (communicator.rank === 0) {
  for (const [name, { wall, exposed, cpu }] of Object.entries(results)) {
    const ratio = wall.map((time, i) => time / results.overlapping.wall[i]).sort((a, b) => a - b)[turns >> 1];
    process.stdout.write(
      `${name}: ${median(wall)} ms (${ratio.toFixed(2)} of overlapping), of which ${median(exposed)} ms after the last gradient; ` +
        `${median(cpu)} ms of a processor\n`,
    );
  }
}
await communicator.dispose();
