import type { Report } from './model';
import { remarks } from './summary';
import { caseTable, factTable, legend, summaryTable, type Table } from './tables';

const line = (cells: readonly string[]): string =>
  `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;

const markdownTable = ({ head, rows }: Table): string =>
  [line(head), `|${head.map(() => '---|').join('')}`, ...rows.map(line)].join('\n');

export function markdownReport(report: Report): string {
  const notes = remarks(report).map((text) => `- ${text}`);
  return `${[
    '# Benchmark results',
    'Written by the benchmark (`--markdown`); the command below repeats it.',
    legend.join(' '),
    markdownTable(factTable(report)),
    '## Summary',
    markdownTable(summaryTable(report)),
    '## Cases',
    markdownTable(caseTable(report)),
    ...(notes.length > 0 ? ['## Not measured', notes.join('\n')] : []),
  ].join('\n\n')}\n`;
}
