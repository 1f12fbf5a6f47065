// A small convolutional network with dropout, and steps of its training that write down every gradient: run on one process
// with the whole batch, or on several with their parts.
import {
  crossEntropy,
  getRngState,
  manualSeed,
  maxPool2d,
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

/**
 * `begin` and `end` of this rank's samples in a batch; `parallel`: the DataParallel, none on one process; `sums`: whether the
 * gradients are of the sum of the losses.
 */
export async function train(model, { dtype, samples, steps, begin = 0, end = samples, parallel, sums = false }) {
  const optimizer = new SGD(model.parameters(), { learningRate: sums ? 0.01 : 0.1, momentum: 0.9, weightDecay: 1e-3 });
  manualSeed(7);
  const record = { losses: [], gradients: [], parameters: [] };
  for (let step = 0; step < steps; step++) {
    const { images, labels } = batchOf(step, samples, dtype);
    const loss = withSampleRange({ first: begin, total: samples }, () =>
      tidy(() => {
        const [x, t] = [images.slice(begin, end), labels.slice(begin, end)];
        return crossEntropy(model.call(x), t, { reduction: sums ? 'sum' : 'mean' });
      }),
    );
    const share = (end - begin) / samples;
    if (parallel === undefined) {
      loss.backward();
      record.losses.push(loss.item());
    } else {
      await parallel.backward(loss, sums ? undefined : { share });
      const mean = await parallel.meanOf(loss, sums ? undefined : { share });
      record.losses.push(sums ? mean.item() * parallel.communicator.size : mean.item());
      mean.dispose();
    }
    record.gradients.push(numbers(model.parameters().map(({ grad }) => grad)));
    optimizer.step();
    optimizer.zeroGrad();
    for (const t of [images, labels, loss]) t.dispose();
  }
  record.parameters = numbers(model.parameters());
  optimizer.dispose();
  return record;
}

/** The network as every run begins. */
export function seeded(seed, dtype) {
  manualSeed(seed);
  return new Net(dtype);
}
