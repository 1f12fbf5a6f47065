import { indices, type NdArray, ndarray, offsetOf, total } from './ndarray';

export interface ReduceOptions {
  readonly axis?: number | readonly number[];
  readonly keepDims?: boolean;
}

/** The reduced axes, counted from the front; all of them when none are named. */
export function reducedAxes(rank: number, axis: ReduceOptions['axis']): number[] {
  if (axis === undefined) return Array.from({ length: rank }, (_, i) => i);
  return (typeof axis === 'number' ? [axis] : [...axis]).map((value) => (value < 0 ? value + rank : value));
}

export function reducedShape(shape: readonly number[], options: ReduceOptions = {}): number[] {
  const axes = reducedAxes(shape.length, options.axis);
  if (options.keepDims) return shape.map((extent, axis) => (axes.includes(axis) ? 1 : extent));
  return shape.filter((_, axis) => !axes.includes(axis));
}

/** The elements of each reduced group in row-major order, one list per element of the result. */
function groups(x: NdArray, options: ReduceOptions): { shape: number[]; lists: number[][]; members: number[] } {
  const kept = reducedShape(x.shape, { ...options, keepDims: true });
  const count = kept.reduce((product, extent) => product * extent, 1);
  const lists: number[][] = Array.from({ length: count }, () => []);
  const members: number[] = [];
  let position = 0;
  for (const index of indices(x.shape)) {
    const group = offsetOf(
      kept,
      index.map((i, axis) => (kept[axis] === 1 ? 0 : i)),
    );
    lists[group].push(x.data[position++]);
    members.push(group);
  }
  return { shape: reducedShape(x.shape, options), lists, members };
}

function reduceWith(x: NdArray, options: ReduceOptions, f: (values: readonly number[]) => number): NdArray {
  const { shape, lists } = groups(x, options);
  return ndarray(shape, lists.map(f));
}

const average = (values: readonly number[]): number => total(values) / values.length;

/** Position of the largest value; the first of equals, and the first NaN before all others, as in NumPy. */
export function firstLargest(values: readonly number[]): number {
  let best = 0;
  for (let i = 0; i < values.length; i++) {
    if (Number.isNaN(values[i])) return i;
    if (values[i] > values[best]) best = i;
  }
  return best;
}

export const sum = (x: NdArray, options: ReduceOptions = {}): NdArray => reduceWith(x, options, total);
export const mean = (x: NdArray, options: ReduceOptions = {}): NdArray => reduceWith(x, options, average);
export const max = (x: NdArray, options: ReduceOptions = {}): NdArray =>
  reduceWith(x, options, (values) => values[firstLargest(values)]);
export const min = (x: NdArray, options: ReduceOptions = {}): NdArray =>
  reduceWith(x, options, (values) => values[firstLargest(values.map((value) => -value))]);
export const argmax = (x: NdArray, options: ReduceOptions = {}): NdArray => reduceWith(x, options, firstLargest);
export const argmin = (x: NdArray, options: ReduceOptions = {}): NdArray =>
  reduceWith(x, options, (values) => firstLargest(values.map((value) => -value)));

/** sum (x - mean)^2 / (n - correction) */
export function variance(x: NdArray, options: ReduceOptions & { correction?: number } = {}): NdArray {
  return reduceWith(x, options, (values) => {
    const centre = average(values);
    return total(values.map((value) => (value - centre) ** 2)) / (values.length - (options.correction ?? 1));
  });
}

/** Gradients: `weight(value, group)` is the derivative of the group's result with respect to one of its values. */
function spread(
  g: NdArray,
  x: NdArray,
  options: ReduceOptions,
  weight: (value: number, group: readonly number[]) => number,
): NdArray {
  const { lists, members } = groups(x, options);
  return ndarray(
    x.shape,
    members.map((group, i) => g.data[group] * weight(x.data[i], lists[group])),
  );
}

export const sumGradient = (g: NdArray, shape: readonly number[], options: ReduceOptions = {}): NdArray =>
  spread(g, ndarray(shape), options, () => 1);
export const meanGradient = (g: NdArray, shape: readonly number[], options: ReduceOptions = {}): NdArray =>
  spread(g, ndarray(shape), options, (_, group) => 1 / group.length);

/** Ties share the gradient evenly. */
export function extremumGradient(g: NdArray, x: NdArray, output: NdArray, options: ReduceOptions = {}): NdArray {
  const { lists, members } = groups(x, options);
  return ndarray(
    x.shape,
    members.map((group, i) => {
      const extremum = output.data[group];
      const ties = lists[group].filter((value) => value === extremum).length;
      return x.data[i] === extremum ? g.data[group] / ties : 0;
    }),
  );
}

/** d var / dx_i = 2 (x_i - mean) / (n - correction) */
export const varianceGradient = (
  g: NdArray,
  x: NdArray,
  options: ReduceOptions & { correction?: number } = {},
): NdArray =>
  spread(g, x, options, (value, group) => (2 * (value - average(group))) / (group.length - (options.correction ?? 1)));
