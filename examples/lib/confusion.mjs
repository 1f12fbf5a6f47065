/** From predictions to figures per class. */
import { fashionMnistClasses as CLASS_NAMES } from 'receptive/data';

/**
 * @param {ArrayLike<number>} labels
 * @param {ArrayLike<number>} predictions
 * @param {number} classes
 * @returns {number[][]} [actual][predicted]
 */
export function confusionMatrix(labels, predictions, classes) {
  const matrix = Array.from({ length: classes }, () => new Array(classes).fill(0));
  for (let index = 0; index < labels.length; index++) matrix[labels[index]][predictions[index]]++;
  return matrix;
}

/**
 * @typedef {object} ClassScore
 * @property {string} name
 * @property {number} count images of the class
 * @property {number} correct
 * @property {number} accuracy correct / count (recall); NaN without images
 * @property {number} precision correct / predicted as this class; NaN when none was
 * @property {{ name: string, count: number } | null} confusedWith the most frequent wrong answer
 */

/**
 * @param {number[][]} confusion
 * @returns {ClassScore[]}
 */
export function classScores(confusion) {
  return confusion.map((row, label) => {
    const count = row.reduce((total, n) => total + n, 0);
    const predicted = confusion.reduce((total, other) => total + other[label], 0);
    const wrong = row.map((n, other) => (other === label ? 0 : n));
    const worst = largest(wrong, 0, wrong.length);
    return {
      name: CLASS_NAMES[label],
      count,
      correct: row[label],
      accuracy: row[label] / count,
      precision: row[label] / predicted,
      confusedWith: wrong[worst] > 0 ? { name: CLASS_NAMES[worst], count: wrong[worst] } : null,
    };
  });
}

/**
 * Position of the largest of `count` values from `begin` on, relative to `begin`; ties take the first.
 * @param {ArrayLike<number>} values
 * @param {number} begin
 * @param {number} count
 */
export function largest(values, begin, count) {
  let best = 0;
  for (let index = 1; index < count; index++) {
    if (values[begin + index] > values[begin + best]) best = index;
  }
  return best;
}
