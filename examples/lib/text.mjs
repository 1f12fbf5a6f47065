/** Tables for people to read. */
import { percent, table } from '#dist/report/text.js';

/**
 * Test accuracy per class, for the console.
 * @param {import('./confusion.mjs').ClassScore[]} scores
 */
export function classTable(scores) {
  const rows = scores.map(({ name, accuracy, correct, count: images, confusedWith }) => [
    name,
    percent(accuracy),
    `${correct}/${images}`,
    confusedWith === null ? '' : `${confusedWith.name} (${confusedWith.count})`,
  ]);
  return table(['class', 'accuracy', 'correct', 'most often taken for'], rows, ['left', 'right', 'right', 'left']);
}
