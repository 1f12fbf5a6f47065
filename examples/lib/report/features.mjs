/** The figures of the comparison of engineered and learned features, as rows of tables for the console and the report. */

import { count, duration, percent, table } from '#dist/report/text.js';
import { classScores, confusionMatrix } from '../confusion.mjs';

/**
 * @typedef {object} Comparison
 * @property {string} description of the data
 * @property {import('../contest.js').Settings} settings
 * @property {import('../contest.js').Result[]} results
 * @property {Int32Array} labels of the test images
 * @property {number} trained training images
 */

export const METHOD_HEAD = [
  'method',
  'features',
  'parameters',
  'features in',
  'trained in',
  'test accuracy',
  'settings chosen',
];

/**
 * A row per method.
 * @param {Comparison} comparison
 */
export function methodRows({ results }) {
  return results.map(({ name, chosen, parameters, seconds, accuracy }) => [
    name,
    count(chosen.features),
    count(parameters),
    chosen.featureSeconds > 0 ? duration(chosen.featureSeconds) : 'learned',
    duration(seconds),
    percent(accuracy),
    chosen.text,
  ]);
}

/**
 * Accuracy of each method by class.
 * @param {Comparison} comparison
 */
export function accuracyByClass({ results, labels }) {
  const scores = results.map(({ predictions }) => classScores(confusionMatrix(labels, predictions, 10)));
  return scores[0].map(({ name }, label) => ({ name, accuracies: scores.map((of) => of[label].accuracy) }));
}

/** @param {Comparison} comparison */
export function classHead({ results }) {
  return ['class', ...results.map(({ name }) => name), 'difference'];
}

/**
 * A row per class; the difference is in points of a hundred, from the first method to the last.
 * @param {Comparison} comparison
 */
export function classRows(comparison) {
  return accuracyByClass(comparison).map(({ name, accuracies }) => {
    const points = 100 * (accuracies[accuracies.length - 1] - accuracies[0]);
    const difference = Number.isNaN(points) ? '-' : `${points < 0 ? '' : '+'}${points.toFixed(1)}`;
    return [name, ...accuracies.map(percent), difference];
  });
}

/**
 * Both tables, for the console.
 * @param {Comparison} comparison
 */
export function comparisonTables(comparison) {
  const head = classHead(comparison);
  /** @type {('left' | 'right')[]} */
  const align = METHOD_HEAD.map((_, column) => (column === 0 || column === METHOD_HEAD.length - 1 ? 'left' : 'right'));
  const methods = table(METHOD_HEAD, methodRows(comparison), align);
  const classes = table(
    head,
    classRows(comparison),
    head.map((_, column) => (column === 0 ? 'left' : 'right')),
  );
  return `${methods}\n\nTest accuracy per class\n\n${classes}`;
}
