// Curves over epochs, as Vega-Lite specifications.
import type { TopLevelSpec } from 'vega-lite';

export interface CurvePoint {
  /** Epochs trained, with parts. */
  readonly epoch: number;
  readonly value: number;
  /** Name of the line. */
  readonly series: string;
}

/** Values at the ends of equal parts of an epoch. */
export interface EpochCurve {
  readonly values: readonly number[];
  /** Parts of the whole epoch, of which `values` may have the first ones only. */
  readonly parts: number;
}

/** More points than this are noise at the chart's width. */
const maxCurvePoints = 120;

/** The points of a curve through all epochs: means of neighbours within an epoch where there would be too many. */
export function curvePoints(curves: readonly EpochCurve[], series: string): CurvePoint[] {
  const points = curves.reduce((total, { values }) => total + values.length, 0);
  const size = Math.ceil(points / maxCurvePoints);
  return curves.flatMap(({ values, parts }, epoch) =>
    Array.from({ length: Math.ceil(values.length / size) }, (_, index) => {
      const members = values.slice(index * size, (index + 1) * size);
      const value = members.reduce((sum, one) => sum + one, 0) / members.length;
      return { epoch: epoch + (index * size + members.length) / parts, value, series };
    }),
  );
}

export interface LineChartOptions {
  /** Of the vertical axis. */
  readonly title: string;
  /** Of numbers on the vertical axis, as d3-format has it. */
  readonly format: string;
  /** Whether the vertical axis begins at 0. */
  readonly zero: boolean;
  /** Names of the lines, at most five. */
  readonly series: readonly string[];
  /** Lines whose points are marked. */
  readonly marked: readonly string[];
  /** Where the horizontal axis begins; 0 if left out. */
  readonly firstEpoch?: number;
}

/** @param epochs Where the horizontal axis ends. */
export function lineChart(
  values: readonly CurvePoint[],
  epochs: number,
  { title, format, zero, series, marked, firstEpoch = 0 }: LineChartOptions,
): TopLevelSpec {
  // At most about ten labels, at whole epochs.
  const step = Math.ceil(epochs / 10);
  const ticks = Array.from({ length: Math.floor(epochs / step) + 1 }, (_, index) => index * step);
  return {
    width: 340,
    height: 220,
    data: { values: [...values] },
    encoding: {
      x: {
        field: 'epoch',
        type: 'quantitative',
        scale: { domain: [firstEpoch, epochs], nice: false },
        axis: { title: 'epoch', values: ticks, format: 'd', grid: false, labelFlush: false },
      },
      y: {
        field: 'value',
        type: 'quantitative',
        scale: { zero, nice: 5 },
        axis: { title, format, tickCount: 5, domain: false, ticks: false },
      },
      color: {
        field: 'series',
        type: 'nominal',
        scale: { domain: [...series], range: series.map((_, i) => `var(--series-${i + 1})`) },
      },
    },
    layer: [
      { mark: { type: 'line', strokeWidth: 2, strokeJoin: 'round' } },
      {
        transform: [{ filter: { field: 'series', oneOf: [...marked] } }],
        mark: { type: 'point', filled: true, size: 45, opacity: 1 },
      },
    ],
  };
}
