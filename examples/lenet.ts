#!/usr/bin/env node
// The training of lenetExplicit.mjs with modules, an optimiser and the tape: the same network, data, settings and first weights.
import { parseArgs } from 'node:util';
import { manualSeed } from 'receptive';
import { channelStatistics, DataLoader, normalise } from 'receptive/data';
import { loadCheckpoint, saveCheckpoint } from 'receptive/io';
import { Conv2d, Flatten, init, Linear, MaxPool2d, ReLU, Sequential } from 'receptive/nn';
import { LrScheduler, SGD } from 'receptive/optim';
import { classify, trainEpoch } from './lib/training';

const HELP = `Trains a LeNet-5-like network on Fashion-MNIST, written with receptive/nn, optim, data and io.

Usage: npm run lenet -- [options]

  --data DIR     read the four IDX files (.gz or plain) from DIR
  --subset       use the shipped subset: 6,000 training and 1,000 test images
  --epochs N     epochs in all (default 5)
  --steps N      at most N steps per epoch, to try it out
  --seed N       seed of the first weights and of the order of the images (default 1)
  --out FILE     save model, optimiser and schedule to FILE after each epoch
  --resume FILE  continue from such a file
  --help         print this text
`;

/** Layers by the names of lib/network.mjs, so that the parameters have the same: conv1.weight, conv1.bias … */
export function lenet(seed: number): Sequential {
  const model = new Sequential({
    conv1: new Conv2d(1, 16, 5, { padding: 2 }),
    relu1: new ReLU(),
    pool1: new MaxPool2d(2),
    conv2: new Conv2d(16, 64, 5),
    relu2: new ReLU(),
    pool2: new MaxPool2d(2),
    flatten: new Flatten(),
    fc1: new Linear(1600, 128),
    relu3: new ReLU(),
    fc2: new Linear(128, 84),
    relu4: new ReLU(),
    fc3: new Linear(84, 10),
  });
  manualSeed(seed);
  for (const [name, values] of model.namedParameters()) {
    if (name.endsWith('.bias')) init.constant_(values, 0);
    else if (name === 'fc3.weight') init.normal_(values, { std: 0.1 * Math.sqrt(2 / 84) });
    else init.heNormal_(values);
  }
  return model;
}

async function main(args: string[]): Promise<void> {
  const text = { type: 'string' } as const;
  const flag = { type: 'boolean' } as const;
  const options = {
    data: text,
    subset: flag,
    epochs: text,
    steps: text,
    seed: text,
    out: text,
    resume: text,
    help: flag,
  };
  const { values } = parseArgs({ args, options });
  if (values.help) {
    process.stdout.write(HELP);
    return;
  }
  const { integer } = await import('./lib/commandLine.mjs');
  const { classScores, confusionMatrix } = await import('./lib/confusion.mjs');
  const { loadDataset, locateDataset } = await import('./lib/dataset.mjs');
  const { count, duration, percent } = await import('#dist/report/text.js');
  const { classTable } = await import('./lib/text.mjs');
  const epochs = integer('epochs', values.epochs, 1, 10_000) ?? 5;
  const seed = integer('seed', values.seed, 0, 2 ** 32 - 1) ?? 1;
  const stepsPerEpoch = integer('steps', values.steps, 1, 1e9);

  const dataset = await loadDataset(locateDataset({ directory: values.data, subset: values.subset }));
  const { train, test } = dataset;
  console.log(`${dataset.description}: ${count(train.length)} training, ${count(test.length)} test images`);
  const { mean, std } = await channelStatistics(train);
  const transform = normalise(mean, std);
  const loader = new DataLoader(train, { batchSize: 32, shuffle: true, seed, transform });

  using model = lenet(seed);
  using optimizer = new SGD(model.parameters(), { learningRate: 0.01, momentum: 0.9 });
  const steps = epochs * loader.length;
  const scheduler = new LrScheduler(optimizer, (step) => Math.max(1 - step / steps, 0.02));
  const parts = { model, optimizer, scheduler };
  const saved = values.resume === undefined ? undefined : await loadCheckpoint(values.resume, { parts });

  let predictions: Int32Array | undefined;
  for (let epoch = Number(saved?.values.epochs ?? 0); epoch < epochs; epoch++) {
    const started = performance.now();
    const loss = await trainEpoch({ model, optimizer, scheduler, loader }, epoch, stepsPerEpoch);
    const seconds = (performance.now() - started) / 1000;
    if (values.out !== undefined) await saveCheckpoint(values.out, { parts, values: { epochs: epoch + 1 } });
    predictions = await classify(model, test, transform);
    const accuracy = predictions.filter((label, i) => label === test.labels[i]).length / test.length;
    console.log(
      `epoch ${epoch + 1}/${epochs}  loss ${loss.toFixed(4)}  test accuracy ${percent(accuracy)}  ${duration(seconds)}`,
    );
  }
  predictions ??= await classify(model, test, transform);
  const scores = classScores(confusionMatrix(test.labels, predictions, 10));
  const correct = scores.reduce((total, score) => total + score.correct, 0);
  console.log(`\nTest accuracy per class\n\n${classTable(scores)}\n\nTest accuracy: ${percent(correct / test.length)}`);
}

if (require.main === module) {
  main(process.argv.slice(2)).catch((error: unknown) => {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 1;
  });
}
