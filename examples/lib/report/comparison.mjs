/** The report of the comparison of engineered and learned features: one self-contained page. */
import { facts, figure, page, section, table } from '#dist/report/html.js';
import { renderChart } from '#dist/report/render.js';
import { count, duration, percent, plural } from '#dist/report/text.js';
import { writeOutput } from '#dist/train/outputFile.js';
import { accuracyByClass, classHead, classRows, METHOD_HEAD, methodRows } from './features.mjs';

/** @typedef {import('./features.mjs').Comparison} Comparison */

/**
 * @param {string} file
 * @param {Comparison} comparison
 */
export async function writeComparison(file, comparison) {
  writeOutput(file, await comparisonHtml(comparison));
}

/**
 * @param {Comparison} comparison
 * @returns {Promise<string>}
 */
export async function comparisonHtml(comparison) {
  const { results, settings, description, labels, trained } = comparison;
  const chart = await renderChart(
    classChart(comparison),
    `Bars of the test accuracy of each class for ${results.map(({ name, accuracy }) => `${name} (${percent(accuracy)} in all)`).join(' and ')}; the figures are in the table below`,
  );
  const trials = results.flatMap(({ name, trials: of }) =>
    of.map(({ text, accuracy }) => [name, text, percent(accuracy)]),
  );
  return page({
    title: 'Learned against engineered features',
    summary:
      'Histograms of oriented gradients with a linear SVM, and a network that learns its features, on the same images.',
    body: [
      facts(
        results.map(({ name, accuracy, parameters, seconds }) => ({
          label: name,
          value: percent(accuracy),
          note: `of ${count(labels.length)} test images; ${count(parameters)} parameters, trained in ${duration(seconds)}`,
        })),
      ),
      section('Methods', [table(METHOD_HEAD, methodRows(comparison))]),
      section('Test accuracy by class', [
        figure(chart, 'Share of the test images of each class that are recognised'),
        table(classHead(comparison), classRows(comparison)),
      ]),
      section('Settings', [
        table(
          ['setting', 'value'],
          [
            ['data', `${description}: ${count(trained)} training images`],
            ['training', `SGD with momentum, ${plural(settings.epochs, 'epoch')}, batches of ${settings.batchSize}`],
            [
              'choice of settings',
              `after ${plural(settings.trialEpochs, 'epoch')}, by the accuracy on a sixth of the training images that is held out`,
            ],
            ['seed', String(settings.seed)],
          ],
          { text: true },
        ),
        table(['method', 'settings', 'accuracy on held-out images'], trials, { summary: 'Settings tried' }),
      ]),
    ].join('\n'),
  });
}

/**
 * @param {Comparison} comparison
 * @returns {import('vega-lite').TopLevelSpec}
 */
function classChart(comparison) {
  const names = comparison.results.map(({ name }) => name);
  const byClass = accuracyByClass(comparison);
  const values = byClass.flatMap(({ name, accuracies }) =>
    accuracies.map((accuracy, i) => ({ class: name, method: names[i], accuracy })),
  );
  return {
    width: 560,
    height: { step: 15 },
    data: { values },
    mark: 'bar',
    encoding: {
      y: {
        field: 'class',
        type: 'nominal',
        sort: byClass.map(({ name }) => name),
        axis: { title: null, domain: false, ticks: false, labelPadding: 8 },
        scale: { paddingInner: 0.3 },
      },
      yOffset: { field: 'method', type: 'nominal', sort: names },
      x: {
        field: 'accuracy',
        type: 'quantitative',
        scale: { domain: [0, 1] },
        axis: { title: 'test accuracy', format: '.0%', tickCount: 5, domain: false, ticks: false },
      },
      color: {
        field: 'method',
        type: 'nominal',
        sort: names,
        scale: { domain: names, range: ['var(--series-1)', 'var(--series-2)'] },
        legend: { labelLimit: 300 },
      },
    },
  };
}
