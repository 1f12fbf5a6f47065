/** Which test images the report shows. */
import { fashionMnistClasses as CLASS_NAMES } from 'receptive/data';

/**
 * @typedef {object} Sample
 * @property {number} index within the test split
 * @property {number} actual
 * @property {number} predicted
 * @property {number} confidence of the prediction, 0 … 1
 */

/**
 * The first test image of each class, so that nothing is picked by its result.
 * @param {ArrayLike<number>} labels
 * @param {import('../evaluate.mjs').Evaluation} evaluation
 * @returns {Sample[]}
 */
export function firstOfEachClass(labels, evaluation) {
  return CLASS_NAMES.map((_, label) => Array.prototype.indexOf.call(labels, label))
    .filter((index) => index !== -1)
    .map((index) => sampleAt(index, labels, evaluation));
}

/**
 * The wrong answers given with the greatest confidence, greatest first.
 * @param {ArrayLike<number>} labels
 * @param {import('../evaluate.mjs').Evaluation} evaluation
 * @param {number} limit
 * @returns {Sample[]}
 */
export function mostConfidentMistakes(labels, evaluation, limit) {
  return Array.from(labels, (_, index) => sampleAt(index, labels, evaluation))
    .filter(({ actual, predicted }) => actual !== predicted)
    .sort((a, b) => b.confidence - a.confidence || a.index - b.index)
    .slice(0, limit);
}

/**
 * @param {number} index
 * @param {ArrayLike<number>} labels
 * @param {import('../evaluate.mjs').Evaluation} evaluation
 * @returns {Sample}
 */
function sampleAt(index, labels, { predictions, confidences }) {
  return { index, actual: labels[index], predicted: predictions[index], confidence: confidences[index] };
}
