/** demo-report.html: one self-contained file, without scripts, that follows the reader's light or dark scheme. */
import { facts, figure, page, section, table } from '#dist/report/html.js';
import { renderChart } from '#dist/report/render.js';
import { count, duration, percent, plural } from '#dist/report/text.js';
import { writeOutput } from '#dist/train/outputFile.js';
import { classScores } from '../confusion.mjs';
import { IMAGE_SIZE } from '../dataset.mjs';
import { accuracyChart, confusionChart, filterChart, lossChart } from './charts.mjs';
import { gallery } from './gallery.mjs';
import { pngDataUri } from './png.mjs';
import { firstOfEachClass, mostConfidentMistakes } from './samples.mjs';

/**
 * @typedef {object} ReportInput
 * @property {import('../dataset.mjs').Dataset} dataset
 * @property {string} device
 * @property {import('../checkpoint.mjs').TrainingState} state
 * @property {import('../evaluate.mjs').Evaluation} evaluation
 * @property {import('../demo.mjs').Speed} speed
 * @property {{ shape: readonly number[], values: ArrayLike<number> }} filters of the first layer, [K, 1, R, S]
 */

/**
 * @param {string} file
 * @param {ReportInput} input
 */
export async function writeReport(file, input) {
  writeOutput(file, await reportHtml(input));
}

/**
 * @param {ReportInput} input
 * @returns {Promise<string>}
 */
export async function reportHtml(input) {
  const { evaluation, state } = input;
  return page({
    title: 'LeNet-5 on Fashion-MNIST',
    summary: 'A LeNet-5-like network, trained with the explicit kernels and gradients of receptive.',
    body: [
      summaryFacts(input),
      await trainingSection(state.history),
      await classesSection(evaluation),
      await filtersSection(input.filters),
      samplesSection(input),
      settingsSection(input),
    ].join('\n'),
  });
}

/** @param {ReportInput} input */
function summaryFacts({ dataset, evaluation, speed, state }) {
  const trained = speed.images > 0;
  return facts([
    { label: 'test accuracy', value: percent(evaluation.accuracy), note: `of ${count(dataset.test.length)} images` },
    { label: 'test loss', value: evaluation.loss.toFixed(3), note: 'mean cross-entropy' },
    { label: 'epochs', value: String(state.history.length), note: `of ${count(dataset.train.length)} images` },
    {
      label: 'training speed',
      value: trained ? count(speed.images / speed.seconds) : '-',
      note: trained ? `images/s, ${duration(speed.seconds)} in all` : 'no training in this run',
    },
  ]);
}

/** @param {import('../checkpoint.mjs').EpochRecord[]} history */
async function trainingSection(history) {
  if (history.length === 0) return '';
  const last = history[history.length - 1];
  const loss = await renderChart(
    lossChart(history),
    `Line chart of the loss over ${history.length} epochs; after the last, training ${last.trainLoss.toFixed(3)}, test ${last.testLoss.toFixed(3)}`,
  );
  const accuracy = await renderChart(
    accuracyChart(history),
    `Line chart of the accuracy over ${history.length} epochs; after the last, training ${percent(last.trainAccuracy)}, test ${percent(last.testAccuracy)}`,
  );
  const rows = history.map((epoch, index) => [
    String(index + 1),
    epoch.trainLoss.toFixed(4),
    percent(epoch.trainAccuracy),
    epoch.testLoss.toFixed(4),
    percent(epoch.testAccuracy),
  ]);
  return section('Training', [
    `<div class="pair">${figure(loss, 'Loss curve')}${figure(accuracy, 'Accuracy')}</div>`,
    '<p class="note">Training figures are means over the epoch while the weights change; test figures are taken after it.</p>',
    table(['epoch', 'training loss', 'training accuracy', 'test loss', 'test accuracy'], rows, {
      summary: 'Figures of each epoch',
    }),
  ]);
}

/** @param {import('../evaluate.mjs').Evaluation} evaluation */
async function classesSection({ confusion }) {
  const scores = classScores(confusion);
  const best = scores.reduce((a, b) => (b.accuracy > a.accuracy ? b : a));
  const worst = scores.reduce((a, b) => (b.accuracy < a.accuracy ? b : a));
  const chart = await renderChart(
    confusionChart(confusion),
    `Confusion matrix; best class ${best.name} with ${percent(best.accuracy)}, worst ${worst.name} with ${percent(worst.accuracy)}`,
  );
  const rows = scores.map(({ name, accuracy, precision, correct, count: images, confusedWith }) => [
    name,
    percent(accuracy),
    percent(precision),
    `${correct}/${images}`,
    confusedWith === null ? '' : `${confusedWith.name} (${confusedWith.count})`,
  ]);
  return section('Test images by class', [
    figure(chart, 'Confusion matrix: test images of each class (rows) by prediction (columns)'),
    table(['class', 'accuracy', 'precision', 'correct', 'most often taken for'], rows),
  ]);
}

/** @param {ReportInput['filters']} filters */
async function filtersSection(filters) {
  const [kernels, , height, width] = filters.shape;
  const chart = await renderChart(
    filterChart(filters),
    `The ${kernels} filters of the first layer, ${height} by ${width} weights each`,
    0.4,
  );
  return section('First-layer filters', [
    figure(chart, `${kernels} filters of ${height}×${width} weights, on one scale: blue is positive, red negative`),
  ]);
}

/** @param {ReportInput} input */
function samplesSection({ dataset: { test }, evaluation }) {
  const pixels = IMAGE_SIZE * IMAGE_SIZE;
  /** @param {import('./samples.mjs').Sample} sample */
  const withImage = (sample) => ({
    ...sample,
    image: pngDataUri(test.images.subarray(sample.index * pixels, (sample.index + 1) * pixels), IMAGE_SIZE, IMAGE_SIZE),
  });
  const mistakes = mostConfidentMistakes(test.labels, evaluation, 10);
  return section('Sample images with their predictions', [
    '<h3>The first test image of each class</h3>',
    gallery(firstOfEachClass(test.labels, evaluation).map(withImage)),
    ...(mistakes.length > 0 ? ['<h3>The most confident mistakes</h3>', gallery(mistakes.map(withImage))] : []),
  ]);
}

/** @param {ReportInput} input */
function settingsSection({ dataset, device, state: { hyper } }) {
  const rows = [
    ['data', dataset.description],
    ['device', device],
    ['optimiser', `SGD, momentum ${hyper.momentum}, batches of ${hyper.batchSize}`],
    ['learning rate', `${hyper.learningRate}, falling linearly over ${plural(hyper.scheduleEpochs, 'epoch')}`],
    ['seed', String(hyper.seed)],
    [
      'pixels',
      `normalised with mean ${hyper.normalisation.mean.toFixed(4)}, standard deviation ${hyper.normalisation.std.toFixed(4)}`,
    ],
  ];
  return section('Settings', [table(['setting', 'value'], rows, { text: true })]);
}
