/** The report's charts as Vega-Lite specifications. */
import { fashionMnistClasses as CLASS_NAMES } from 'receptive/data';
import { curvePoints, lineChart } from '#dist/report/lineCharts.js';

/** @typedef {import('../checkpoint.mjs').EpochRecord} EpochRecord */
/** @typedef {import('vega-lite').TopLevelSpec} ChartSpecification */

const TRAINING = 'training';
const TEST = 'test';
const SERIES = [TRAINING, TEST];

/**
 * Loss over epochs: training as the mean of each part of an epoch, test after each epoch.
 * @param {EpochRecord[]} history
 * @returns {ChartSpecification}
 */
export function lossChart(history) {
  const curves = history.map(({ curve }) => ({ values: curve, parts: curve.length }));
  const test = history.map(({ testLoss }, epoch) => ({ epoch: epoch + 1, value: testLoss, series: TEST }));
  const axis = { title: 'cross-entropy', format: '.2~f', zero: true };
  const lines = { series: SERIES, marked: [TEST] };
  return lineChart([...curvePoints(curves, TRAINING), ...test], history.length, { ...axis, ...lines });
}

/**
 * Accuracy over epochs.
 * @param {EpochRecord[]} history
 * @returns {ChartSpecification}
 */
export function accuracyChart(history) {
  const values = history.flatMap(({ trainAccuracy, testAccuracy }, epoch) => [
    { epoch: epoch + 1, value: trainAccuracy, series: TRAINING },
    { epoch: epoch + 1, value: testAccuracy, series: TEST },
  ]);
  const axis = { title: 'accuracy', format: '.0%', zero: false, firstEpoch: history.length > 1 ? 1 : 0 };
  return lineChart(values, history.length, { ...axis, series: SERIES, marked: SERIES });
}

/**
 * Confusion matrix: a cell's strength is its share of the actual class, its hue says whether the answer is right.
 * @param {number[][]} confusion [actual][predicted]
 * @returns {ChartSpecification}
 */
export function confusionChart(confusion) {
  const values = confusion.flatMap((row, actual) => {
    const total = row.reduce((sum, n) => sum + n, 0);
    return row.map((n, predicted) => {
      const share = total === 0 ? 0 : n / total;
      // The square root lets rare confusions show; wrong cells stay light enough for dark text, right ones mostly do not.
      const strength = Math.sqrt(share);
      const right = actual === predicted;
      return {
        actual: CLASS_NAMES[actual],
        predicted: CLASS_NAMES[predicted],
        count: n,
        strength,
        kind: right ? 'right' : 'wrong',
        ink: n === 0 ? 'none' : strength > 0.62 ? 'on-fill' : 'plain',
      };
    });
  });
  /** @type {{ domain: string[], range: string[] }} */
  const fills = { domain: ['right', 'wrong'], range: ['var(--right)', 'var(--wrong)'] };
  const inks = { domain: ['none', 'plain', 'on-fill'], range: ['var(--faint)', 'var(--ink)', 'var(--on-fill)'] };
  /** @param {string} title */
  const axis = (title) => ({ title, domain: false, ticks: false, labelPadding: 8 });
  return {
    width: { step: 54 },
    height: { step: 36 },
    data: { values },
    encoding: {
      x: {
        field: 'predicted',
        type: 'nominal',
        sort: [...CLASS_NAMES],
        axis: { ...axis('predicted'), orient: 'top', labelAngle: -40, titlePadding: -14 },
      },
      y: { field: 'actual', type: 'nominal', sort: [...CLASS_NAMES], axis: axis('actual') },
    },
    layer: [
      // A cell of strength 0 keeps a trace, so that the grid stays visible.
      { mark: { type: 'rect', cornerRadius: 4, fill: 'var(--cell)', stroke: 'var(--surface)', strokeWidth: 2 } },
      {
        mark: { type: 'rect', cornerRadius: 4, stroke: 'var(--surface)', strokeWidth: 2 },
        encoding: {
          fill: { field: 'kind', type: 'nominal', scale: fills, legend: null },
          fillOpacity: {
            field: 'strength',
            type: 'quantitative',
            scale: { domain: [0, 1], range: [0, 1] },
            legend: null,
          },
        },
      },
      {
        mark: { type: 'text' },
        encoding: {
          text: { field: 'count', type: 'quantitative' },
          fill: { field: 'ink', type: 'nominal', scale: inks, legend: null },
        },
      },
    ],
    resolve: { scale: { fill: 'independent' } },
  };
}

/**
 * First-layer filters, one small grid each: hue is the weight's sign, strength its magnitude, on one scale for all.
 * @param {{ shape: readonly number[], values: ArrayLike<number> }} filters shape [K, 1, R, S]
 * @returns {ChartSpecification}
 */
export function filterChart({ shape, values: weights }) {
  const [count, , height, width] = shape;
  const largest = Array.from(weights).reduce((max, weight) => Math.max(max, Math.abs(weight)), Number.MIN_VALUE);
  const values = Array.from({ length: count * height * width }, (_, index) => ({
    filter: Math.floor(index / (height * width)) + 1,
    y: Math.floor(index / width) % height,
    x: index % width,
    strength: Math.abs(weights[index]) / largest,
    sign: weights[index] < 0 ? 'negative' : 'positive',
  }));
  return {
    data: { values },
    facet: { field: 'filter', type: 'ordinal', header: { title: null, labelColor: 'var(--muted)', labelPadding: 4 } },
    columns: 8,
    spacing: 14,
    spec: {
      width: { step: 15 },
      height: { step: 15 },
      layer: [
        { mark: { type: 'rect', fill: 'var(--cell)' } },
        {
          mark: { type: 'rect' },
          encoding: {
            fill: {
              field: 'sign',
              type: 'nominal',
              scale: { domain: ['negative', 'positive'], range: ['var(--negative)', 'var(--positive)'] },
              legend: null,
            },
            fillOpacity: {
              field: 'strength',
              type: 'quantitative',
              scale: { domain: [0, 1], range: [0, 1] },
              legend: null,
            },
          },
        },
      ],
      encoding: {
        x: { field: 'x', type: 'ordinal', axis: null },
        y: { field: 'y', type: 'ordinal', axis: null },
      },
    },
  };
}
