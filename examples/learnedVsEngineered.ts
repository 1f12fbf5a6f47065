#!/usr/bin/env node
// Learned against engineered features: histograms of oriented gradients with a linear support vector machine, and a network that
// learns its features end to end, on the same images of Fashion-MNIST. Both are computed by receptive.
import { parseArgs } from 'node:util';
import { channelStatistics } from 'receptive/data';
import { compete, type Result, type Settings } from './lib/contest';
import { engineered, learned } from './lib/methods';

const HELP = `Compares engineered features (HOG + linear SVM) with learned ones (CNN) on Fashion-MNIST.

Usage: npm run features -- [options]

  --data DIR     read the four IDX files (.gz or plain) from DIR
  --subset       use the shipped subset: 6,000 training and 1,000 test images
  --epochs N     epochs of both trainings (default 8; 20 where there are fewer than 30,000 training images). Settings
                 are chosen by trainings of a quarter of that on five sixths of the training images
  --seed N       seed of the first weights and of the order of the images (default 1)
  --report FILE  where the HTML report is written (default features-report.html)
  --no-report    write no report
  --help         print this text
`;

async function main(args: string[]): Promise<void> {
  const text = { type: 'string' } as const;
  const flag = { type: 'boolean' } as const;
  const options = { data: text, subset: flag, epochs: text, seed: text, report: text, 'no-report': flag, help: flag };
  const { values } = parseArgs({ args, options });
  if (values.help) {
    process.stdout.write(HELP);
    return;
  }
  const { integer } = await import('./lib/commandLine.mjs');
  const { loadDataset, locateDataset } = await import('./lib/dataset.mjs');
  const { checkWritable } = await import('#dist/train/outputFile.js');
  const { comparisonTables } = await import('./lib/report/features.mjs');
  const { count } = await import('#dist/report/text.js');
  const chosenEpochs = integer('epochs', values.epochs, 1, 10_000);
  const seed = integer('seed', values.seed, 0, 2 ** 32 - 1) ?? 1;
  const report = values['no-report'] ? undefined : (values.report ?? 'features-report.html');
  if (report !== undefined) checkWritable(report);

  const dataset = await loadDataset(locateDataset({ directory: values.data, subset: values.subset }));
  const { train, test, description } = dataset;
  console.log(`${description}: ${count(train.length)} training, ${count(test.length)} test images\n`);
  const epochs = chosenEpochs ?? (train.length < 30_000 ? 20 : 8);
  const settings: Settings = { epochs, trialEpochs: Math.ceil(epochs / 4), seed, batchSize: 50 };

  const results: Result[] = [];
  results.push(await compete(await engineered(dataset), settings, console.log));
  results.push(await compete(learned(dataset, await channelStatistics(train), seed), settings, console.log));
  const comparison = { description, settings, results, labels: test.labels, trained: train.length };
  console.log(`\n${comparisonTables(comparison)}`);
  if (report !== undefined) {
    const { writeComparison } = await import('./lib/report/comparison.mjs');
    await writeComparison(report, comparison);
    console.log(`\nReport written to ${report}`);
  }
}

if (require.main === module) {
  main(process.argv.slice(2)).catch((error: unknown) => {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 1;
  });
}
