// The report of a training run: one self-contained page without scripts.
import { escapeHtml } from '../../report/escape';
import { type Fact, facts, figure, page, section, table } from '../../report/html';
import { type CurvePoint, curvePoints, lineChart } from '../../report/lineCharts';
import { renderChart } from '../../report/render';
import { count, duration, percent } from '../../report/text';
import type { EpochRecord, Evaluation } from '../records';
import type { ReportData } from './reportData';

/** Seconds after which a browser asks for a running report again. */
const refreshSeconds = 10;

const training = 'training';
const validation = 'validation';

/** @throws UnsupportedError, by rejection, without vega and vega-lite. */
export async function reportHtml(data: ReportData): Promise<string> {
  const { title, summary, running } = data;
  return page({
    title,
    summary,
    body: [factsOf(data), await curves(data), epochTable(data), settingsTable(data)].join('\n'),
    ...(running ? { refresh: refreshSeconds } : {}),
  });
}

function factsOf({ history, current, best, test, epochs, status }: ReportData): string {
  const last = history.at(-1);
  const speed = current?.imagesPerSecond ?? last?.imagesPerSecond ?? Number.NaN;
  const trained = history.reduce((sum, { seconds }) => sum + seconds, 0);
  const entries: Fact[] = [
    ...(test === null ? [] : [{ label: 'test accuracy', value: percent(test.accuracy), note: top5(test) }]),
    accuracyFact('validation accuracy', last),
    accuracyFact('best epoch', best ?? undefined),
    { label: 'epochs', value: `${history.length} of ${epochs}`, note: status },
    {
      label: 'speed',
      value: Number.isNaN(speed) ? '-' : count(speed),
      note: `images/s, ${duration(trained)} of finished epochs`,
    },
  ];
  return facts(entries);
}

function accuracyFact(label: string, record: EpochRecord | undefined): Fact {
  if (record === undefined) return { label, value: '-', note: 'after the first epoch' };
  const { epoch, validation: figures } = record;
  return { label, value: percent(figures.accuracy), note: `epoch ${epoch}, ${top5(figures)}` };
}

const top5 = ({ accuracy5, loss }: Evaluation): string => `top-5 ${percent(accuracy5)}, loss ${loss.toFixed(3)}`;

async function curves(data: ReportData): Promise<string> {
  const { history, current } = data;
  const epochs = history.length + (current === null ? 0 : 1);
  if (epochs === 0) return '';
  const charts = [
    ['Loss', lossChart(data, epochs)],
    ...(history.length === 0 ? [] : [['Accuracy', accuracyChart(history)] as const]),
  ] as const;
  const figures: string[] = [];
  for (const [name, chart] of charts) {
    figures.push(
      figure(await renderChart(chart, `${name} over ${epochs} epochs; the table of epochs has its figures`), name),
    );
  }
  return section('Training', [
    `<div class="pair">${figures.join('')}</div>`,
    `<p class="note">${escapeHtml(`Training figures are means while the weights change; validation: ${data.validation}.`)}</p>`,
  ]);
}

function lossChart({ history, current }: ReportData, epochs: number): ReturnType<typeof lineChart> {
  const parts = [
    ...history.map(({ curve }) => ({ values: curve, parts: curve.length })),
    ...(current === null ? [] : [{ values: current.curve, parts: current.parts }]),
  ];
  const points = history.map(({ epoch, validation: { loss } }) => ({ epoch, value: loss, series: validation }));
  return lineChart([...curvePoints(parts, training), ...points], epochs, {
    ...{ title: 'cross-entropy', format: '.2~f', zero: true },
    ...{ series: [training, validation], marked: [validation] },
  });
}

function accuracyChart(history: readonly EpochRecord[]): ReturnType<typeof lineChart> {
  const points = history.flatMap(({ epoch, train, validation: held }): CurvePoint[] => [
    { epoch, value: train.accuracy, series: training },
    { epoch, value: held.accuracy, series: validation },
    { epoch, value: held.accuracy5, series: `${validation}, top-5` },
  ]);
  const series = [training, validation, `${validation}, top-5`];
  return lineChart(points, history.length, {
    ...{ title: 'accuracy', format: '.0%', zero: false, firstEpoch: history.length > 1 ? 1 : 0 },
    ...{ series, marked: series },
  });
}

function epochTable({ history, best }: ReportData): string {
  if (history.length === 0) return '';
  const head = [
    'epoch',
    'training loss',
    'training top-1',
    'training top-5',
    'validation loss',
    'validation top-1',
    'validation top-5',
    'learning rate',
    'images/s',
    'time',
  ];
  const rows = history.map(({ epoch, train, validation: held, learningRate, imagesPerSecond, seconds }) => [
    `${epoch}${epoch === best?.epoch ? ' (best)' : ''}`,
    ...[train, held].flatMap(({ loss, accuracy, accuracy5 }) => [
      loss.toFixed(4),
      percent(accuracy),
      percent(accuracy5),
    ]),
    learningRate.toPrecision(3),
    count(imagesPerSecond),
    duration(seconds),
  ]);
  return section('Epochs', [table(head, rows)]);
}

function settingsTable({ settings }: ReportData): string {
  return section('Settings', [table(['setting', 'value'], settings, { text: true })]);
}
