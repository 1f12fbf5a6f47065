import { escapeHtml } from '../../lib/report/escape';
import * as html from '../../lib/report/html';
import { renderChart } from '../../lib/report/render';
import { ratioChart, rooflineChart } from './charts';
import type { Report } from './model';
import { comparisons, remarks } from './summary';
import { caseTable, factTable, legend, summaryTable } from './tables';

/** One self-contained page, without scripts, made of the same parts as the demo's report. */
export async function htmlReport(report: Report): Promise<string> {
  const note = (text: string): string => `<p class="note">${escapeHtml(text)}</p>`;
  const measured = report.results.filter(({ ours }) => ours !== null);
  const compared = measured.some(({ peers }) => peers.length > 0);
  const { facts } = report;
  const parts = [
    html.facts(
      comparisons(report).map(({ peer, direction, mean, cases: count }) => ({
        label: `${direction} against ${peer}`,
        value: `${mean.toFixed(2)}x`,
        note: `geometric mean of ${count}`,
      })),
    ),
  ];
  if (measured.length > 0) {
    const roofline = await renderChart(
      rooflineChart(report),
      `Roofline plot of ${measured.length} cases; their figures are in the table of cases`,
    );
    parts.push(html.section('Roofline', [html.figure(roofline, 'Rates below the machine’s limits (dashed)')]));
  }
  if (compared) {
    const ratios = await renderChart(
      ratioChart(report),
      `Bars of the ratio of speed for ${measured.length} cases; their figures are in the table of cases`,
    );
    const summary = summaryTable(report);
    parts.push(
      html.section('Ratios', [
        html.figure(ratios, 'Our speed over each peer’s; 1 is a tie, lines are ± the deviation'),
        html.table(summary.head, summary.rows),
      ]),
    );
  }
  const cases = caseTable(report);
  const settings = factTable(report);
  parts.push(
    html.section('Cases', [note(legend.join(' ')), html.table(cases.head, cases.rows), ...remarks(report).map(note)]),
  );
  parts.push(html.section('Machine and settings', [html.table(settings.head, settings.rows, { text: true })]));
  return html.page({
    title: 'Convolution benchmark',
    summary: `${facts.processor}, target ${facts.target}, threads: ${report.settings.threads}, ${facts.date}`,
    body: parts.join('\n'),
  });
}
