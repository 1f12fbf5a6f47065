// Numbers and tables for people to read.

/** @param fraction 0 … 1; NaN gives a dash. */
export function percent(fraction: number): string {
  return Number.isNaN(fraction) ? '-' : `${(fraction * 100).toFixed(1)}%`;
}

/** Grouped by thousands, without decimals. */
export function count(value: number): string {
  return Math.round(value).toLocaleString('en-GB');
}

/** @param noun In the singular; its plural ends in s. */
export function plural(value: number, noun: string): string {
  return `${count(value)} ${noun}${value === 1 ? '' : 's'}`;
}

export function duration(seconds: number): string {
  if (!Number.isFinite(seconds)) return '-';
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  const minutes = Math.floor(whole / 60);
  return minutes < 60 ? `${minutes} min ${whole % 60} s` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** Columns padded to their widest cell, aligned as asked; the head is underlined with `rule`. */
export function table(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  align: readonly ('left' | 'right')[],
  rule = '─',
): string {
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column].length)));
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, column) => (align[column] === 'right' ? cell.padStart(widths[column]) : cell.padEnd(widths[column])))
      .join('  ')
      .trimEnd();
  return [line(head), widths.map((width) => rule.repeat(width)).join('  '), ...rows.map(line)].join('\n');
}
