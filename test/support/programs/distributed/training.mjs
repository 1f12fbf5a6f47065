// A small convolutional network with dropout, and steps of its training that write down every gradient: run on one process
// with the whole batch, or on several with their parts.
import {
  crossEntropy,
  getRngState,
  manualSeed,
  maxPool2d,
  mul,
  rand,
  randint,
  relu,
  setRngState,
  tidy,
  withSampleRange,
} from 'receptive';
import { Conv2d, Dropout, Linear, Module } from 'receptive/nn';
import { SGD } from 'receptive/optim';

const classes = 5;

export class Net extends Module {
  constructor(dtype) {
    super();
    this.first = new Conv2d(2, 6, [3, 2], { padding: 1, dtype });
    this.drop = new Dropout(0.3);
    this.second = new Conv2d(6, 8, 3, { dtype });
    this.dropMore = new Dropout(0.5);
    this.last = new Linear(8 * 3 * 4, classes, { dtype });
  }

  forward(x) {
    const a = this.drop.call(maxPool2d(relu(this.first.call(x)), { kernelSize: 2 })); // [n, 6, 5, 6]
    const b = relu(this.second.call(a)); // [n, 8, 3, 4]
    return this.last.call(this.dropMore.call(b.reshape([b.shape[0], 8 * 3 * 4])));
  }
}

/** The batch of a step, the same for every caller. */
function batchOf(step, samples, dtype) {
  const state = getRngState();
  manualSeed(1000 + step);
  const images = rand([samples, 2, 10, 11], { low: -1, dtype });
  const labels = randint(0, classes, [samples]);
  setRngState(state);
  return { images, labels };
}

/** Parameters and gradients as plain numbers. */
const numbers = (tensors) => tensors.map((t) => [...t.dataSync()]);

/** The loss of a part of a batch. */
function lossOf(model, x, t, reduction) {
  return tidy(() => crossEntropy(model.call(x), t, { reduction }));
}

/** Each does forward and backward of a batch, and gives the loss of all of it. */
const ways = {
  alone({ images, labels }, { model, sums }) {
    const loss = lossOf(model, images, labels, sums ? 'sum' : 'mean');
    loss.backward();
    return loss;
  },

  async processes({ images, labels }, { model, sums, begin, end, samples, parallel }) {
    const loss = withSampleRange({ first: begin, total: samples }, () =>
      tidy(() => lossOf(model, images.slice(begin, end), labels.slice(begin, end), sums ? 'sum' : 'mean')),
    );
    const options = sums ? undefined : { share: (end - begin) / samples };
    await parallel.backward(loss, options);
    const mean = await parallel.meanOf(loss, options);
    loss.dispose();
    if (!sums) return mean;
    const sum = mul(mean, parallel.communicator.size);
    mean.dispose();
    return sum;
  },

  replicas({ images, labels }, { replicas }) {
    return replicas.backward([images, labels], (model, x, t) => lossOf(model, x, t, 'mean'));
  },
};

/**
 * `parallel`: the DataParallel of a process, which has the samples from `begin` to `end` - 1 of each batch; `replicas`: those of
 * the model; neither on one process. `sums`: whether the gradients are of the sum of the losses.
 *
 * @returns {Promise<{ losses: number[], gradients: number[][][], parameters: number[][] }>}
 */
export async function train(model, options) {
  const { dtype, samples, steps, parallel, replicas, sums = false } = options;
  const way = parallel !== undefined ? ways.processes : replicas !== undefined ? ways.replicas : ways.alone;
  const optimizer = new SGD(model.parameters(), { learningRate: sums ? 0.01 : 0.1, momentum: 0.9, weightDecay: 1e-3 });
  manualSeed(7);
  const [losses, gradients] = [[], []];
  for (let step = 0; step < steps; step++) {
    const batch = batchOf(step, samples, dtype);
    const loss = await way(batch, { model, ...options });
    losses.push(loss.item());
    gradients.push(numbers(model.parameters().map(({ grad }) => grad)));
    optimizer.step();
    optimizer.zeroGrad();
    for (const t of [batch.images, batch.labels, loss]) t.dispose();
  }
  optimizer.dispose();
  return { losses, gradients, parameters: numbers(model.parameters()) };
}

/** The network as every run begins. */
export function seeded(seed, dtype) {
  manualSeed(seed);
  return new Net(dtype);
}
