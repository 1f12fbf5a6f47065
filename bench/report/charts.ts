// The report's charts as Vega-Lite specifications. Colours are variables of the page's style.
import type { TopLevelSpec } from 'vega-lite';
import type { CaseResult, Score } from '../conv/measureCase';
import { median } from '../statistics';
import type { Report } from './model';

/** A contender keeps its colour and mark in all charts. */
function series(report: Report): { domain: string[]; range: string[] } {
  const domain = ['receptive', ...report.peers];
  return { domain, range: domain.map((_, i) => `var(--series-${i + 1})`) };
}

/** Marks of a logarithmic axis: these numbers times powers of ten. */
const decades = (marks: readonly number[]): number[] =>
  [-3, -2, -1, 0, 1, 2, 3, 4].flatMap((power) => marks.map((mark) => Number((mark * 10 ** power).toPrecision(2))));

const scoresOf = ({ ours, peers }: CaseResult): readonly Score[] => (ours === null ? [] : [ours, ...peers]);

const caseName = ({ layer, direction }: CaseResult): string => `${direction} ${layer}`;

/**
 * Rates over arithmetic intensity (operations per byte, each tensor moved once), below the roof that the arithmetic
 * peak and the copy bandwidth make (Williams, Waterman, Patterson: Roofline, 2009).
 */
export function rooflineChart(report: Report): TopLevelSpec {
  const points = report.results.flatMap((result) =>
    scoresOf(result).map(({ name, gflops }) => ({
      intensity: result.operations / result.leastBytes,
      rate: gflops.median,
      contender: name,
    })),
  );
  const intensities = points.map(({ intensity }) => intensity);
  const [low, high] = [Math.min(...intensities) / 1.5, Math.max(...intensities) * 1.5];
  const peaks = report.results.flatMap(({ peakGflops }) => (peakGflops === null ? [] : [peakGflops.median]));
  const peak = peaks.length > 0 ? median(peaks) : null;
  const bandwidth = report.copyGbPerSecond?.median ?? null;
  const ridge = peak !== null && bandwidth !== null ? [peak / bandwidth].filter((at) => at > low && at < high) : [];
  const roof =
    peak === null
      ? []
      : [low, ...ridge, high].map((intensity) => ({
          intensity,
          rate: Math.min(peak, intensity * (bandwidth ?? Infinity)),
        }));
  const { domain, range } = series(report);
  const x = {
    field: 'intensity',
    type: 'quantitative' as const,
    scale: { type: 'log' as const, domain: [low, high], nice: false },
    axis: { title: 'operations per byte', grid: false, format: '~s', tickCount: 6 },
  };
  const y = {
    field: 'rate',
    type: 'quantitative' as const,
    scale: { type: 'log' as const },
    axis: { title: 'GFLOP/s', values: decades([1, 2, 5]) },
  };
  return {
    width: 640,
    height: 320,
    layer: [
      {
        data: { values: roof },
        mark: { type: 'line', stroke: 'var(--muted)', strokeDash: [6, 4] },
        encoding: { x, y },
      },
      {
        data: { values: points },
        mark: { type: 'point', filled: true, size: 50, opacity: 0.85 },
        encoding: {
          x,
          y,
          color: { field: 'contender', type: 'nominal', scale: { domain, range } },
          shape: { field: 'contender', type: 'nominal', scale: { domain } },
        },
      },
    ],
  };
}

/**
 * Bars of the ratios of speed, ours over each peer's, with their deviation. They begin at 1, a tie, and twice as fast
 * is as long as half as fast.
 */
export function ratioChart(report: Report): TopLevelSpec {
  const values = report.results.flatMap((result) =>
    result.peers.map(({ name, ratio }) => ({
      case: caseName(result),
      contender: name,
      ratio: ratio.median,
      low: Math.max(ratio.median - ratio.deviation, ratio.median / 10),
      high: ratio.median + ratio.deviation,
    })),
  );
  const { domain, range } = series(report);
  const color = {
    field: 'contender',
    type: 'nominal' as const,
    scale: { domain: domain.slice(1), range: range.slice(1) },
  };
  const y = {
    field: 'case',
    type: 'nominal' as const,
    sort: null,
    axis: { title: null, domain: false, ticks: false, labelLimit: 320 },
  };
  const yOffset = { field: 'contender', type: 'nominal' as const, scale: { domain: domain.slice(1) } };
  const axis = { title: 'our speed over the peer’s', values: decades([1, 1.5, 2, 3, 5, 7]), format: '~r' };
  const scale = { type: 'log' as const, nice: false };
  return {
    width: 460,
    height: { step: 9 },
    data: { values },
    layer: [
      {
        mark: { type: 'bar' },
        encoding: { x: { field: 'ratio', type: 'quantitative', axis, scale }, x2: { datum: 1 }, y, yOffset, color },
      },
      {
        mark: { type: 'rule', stroke: 'var(--ink)' },
        encoding: {
          x: { field: 'low', type: 'quantitative' },
          x2: { field: 'high' },
          y,
          yOffset,
        },
      },
      { mark: { type: 'rule', stroke: 'var(--muted)' }, encoding: { x: { datum: 1 } } },
    ],
  };
}
