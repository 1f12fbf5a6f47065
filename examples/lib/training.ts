// The loop of training and that of evaluation, for any model of receptive/nn.
import { argmax, crossEntropy, noGrad, type Tensor, tidy } from 'receptive';
import { DataLoader, type Dataset, type Transform } from 'receptive/data';
import type { Module } from 'receptive/nn';
import type { LrScheduler, Optimizer } from 'receptive/optim';

export interface Training {
  readonly model: Module;
  readonly optimizer: Optimizer;
  readonly scheduler: LrScheduler;
  readonly loader: DataLoader;
  /** Cross-entropy if left out. */
  readonly loss?: (output: Tensor, labels: Tensor<'int32'>) => Tensor;
}

/** Trains one epoch, or its first steps, and returns the mean loss. */
export async function trainEpoch(training: Training, epoch: number, steps = Number.POSITIVE_INFINITY): Promise<number> {
  const { model, optimizer, scheduler, loader, loss = crossEntropy } = training;
  let total = 0;
  let images = 0;
  model.train();
  for await (using batch of loader.epoch(epoch)) {
    if (batch.index >= steps) break;
    using value = tidy(() => loss(model.call(batch.images), batch.labels));
    value.backward();
    optimizer.step();
    optimizer.zeroGrad();
    scheduler.step();
    // While this step runs, the loader prepares the next batch.
    total += (await value.data())[0] * batch.labels.size;
    images += batch.labels.size;
  }
  return total / images;
}

/** The class that the model gives each image. */
export async function classify(model: Module, dataset: Dataset, transform?: Transform): Promise<Int32Array> {
  const classes = new Int32Array(dataset.length);
  model.eval();
  for await (using batch of new DataLoader(dataset, { batchSize: 250, transform })) {
    using best = noGrad(() => tidy(() => argmax(model.call(batch.images), { axis: 1 })));
    classes.set(await best.data(), batch.indices[0]);
  }
  return classes;
}
