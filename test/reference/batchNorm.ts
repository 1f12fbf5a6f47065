import { at, fill, indices, type NdArray, ndarray, total } from './ndarray';

/** Numbers per channel. */
export interface Statistics {
  readonly mean: NdArray;
  /** Divided by the number of values. */
  readonly variance: NdArray;
}

const axisOf = (x: NdArray, last: boolean): number => (last ? x.shape.length - 1 : 1);

/** The values of each channel, in row-major order. */
function channels(x: NdArray, last: boolean): number[][] {
  const axis = axisOf(x, last);
  const values: number[][] = Array.from({ length: x.shape[axis] }, () => []);
  let position = 0;
  for (const index of indices(x.shape)) values[index[axis]].push(x.data[position++]);
  return values;
}

/** Mean, and then the mean square of the distances to it. */
export function statistics(x: NdArray, last = false): Statistics {
  const values = channels(x, last);
  const means = values.map((list) => total(list) / list.length);
  const variances = values.map((list, c) => total(list.map((v) => (v - means[c]) ** 2)) / list.length);
  return { mean: ndarray([values.length], means), variance: ndarray([values.length], variances) };
}

/** y = (x - mean) / sqrt(variance + epsilon) * weight + bias. */
export function batchNorm(
  x: NdArray,
  { mean, variance }: Statistics,
  {
    weight,
    bias,
    epsilon = 1e-5,
    last = false,
  }: { weight?: NdArray; bias?: NdArray; epsilon?: number; last?: boolean },
): NdArray {
  const axis = axisOf(x, last);
  return fill(x.shape, (index) => {
    const c = index[axis];
    const normal = (at(x, ...index) - mean.data[c]) / Math.sqrt(variance.data[c] + epsilon);
    return normal * (weight?.data[c] ?? 1) + (bias?.data[c] ?? 0);
  });
}

/** running = (1 - momentum) * running + momentum * batch, the variance divided by n - 1. */
export function updated(running: Statistics, batch: Statistics, momentum: number, n: number): Statistics {
  const mix = (old: NdArray, now: NdArray, factor: number): NdArray =>
    fill(old.shape, (index) => (1 - momentum) * at(old, ...index) + momentum * factor * at(now, ...index));
  return { mean: mix(running.mean, batch.mean, 1), variance: mix(running.variance, batch.variance, n / (n - 1)) };
}

/**
 * The sums over a channel's values, with xhat = (x - mean) * inverseStd: bias = sum g, weight = sum g xhat, and in
 * training input = weight * inverseStd / n * (n g - bias' gradient - xhat * weight's gradient) (Ioffe & Szegedy 2015,
 * section 3).
 */
export function batchNormGradient(
  g: NdArray,
  x: NdArray,
  mean: NdArray,
  inverseStd: NdArray,
  { weight, training, last = false }: { weight?: NdArray; training: boolean; last?: boolean },
): { input: NdArray; weight: NdArray; bias: NdArray } {
  const axis = axisOf(x, last);
  const xhat = fill(x.shape, (index) => (at(x, ...index) - mean.data[index[axis]]) * inverseStd.data[index[axis]]);
  const gs = channels(g, last);
  const hats = channels(xhat, last);
  const bias = gs.map((list) => total(list));
  const byWeight = gs.map((list, c) => total(list.map((v, i) => v * hats[c][i])));
  const input = fill(x.shape, (index) => {
    const c = index[axis];
    const factor = (weight?.data[c] ?? 1) * inverseStd.data[c];
    if (!training) return factor * at(g, ...index);
    const n = gs[c].length;
    return (factor / n) * (n * at(g, ...index) - bias[c] - at(xhat, ...index) * byWeight[c]);
  });
  return { input, weight: ndarray([bias.length], byWeight), bias: ndarray([bias.length], bias) };
}
