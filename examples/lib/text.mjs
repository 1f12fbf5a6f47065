/** Numbers and tables for people to read. */

/** @param {number} fraction 0 … 1 */
export function percent(fraction) {
  return Number.isNaN(fraction) ? '-' : `${(fraction * 100).toFixed(1)}%`;
}

/** @param {number} value grouped by thousands, without decimals */
export function count(value) {
  return Math.round(value).toLocaleString('en-GB');
}

/**
 * @param {number} value
 * @param {string} noun in the singular; its plural ends in s
 */
export function plural(value, noun) {
  return `${count(value)} ${noun}${value === 1 ? '' : 's'}`;
}

/** @param {number} seconds */
export function duration(seconds) {
  if (!Number.isFinite(seconds)) return '-';
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  const minutes = Math.floor(whole / 60);
  return minutes < 60 ? `${minutes} min ${whole % 60} s` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/**
 * Columns padded to their widest cell; the first is aligned to the left, the others as asked.
 * @param {string[]} head
 * @param {string[][]} rows
 * @param {('left' | 'right')[]} align
 */
export function table(head, rows, align) {
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column].length)));
  /** @param {string[]} cells */
  const line = (cells) =>
    cells
      .map((cell, column) => (align[column] === 'right' ? cell.padStart(widths[column]) : cell.padEnd(widths[column])))
      .join('  ')
      .trimEnd();
  return [line(head), widths.map((width) => '─'.repeat(width)).join('  '), ...rows.map(line)].join('\n');
}

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
