import { expect } from 'vitest';
import type { NdArray } from '../reference/ndarray';
import { Random } from './random';

export interface FiniteDifferenceOptions {
  /** Distance to either side, relative to max(1, |x|). */
  readonly step?: number;
  /** Largest difference from the given gradient, relative to max(1, largest gradient). */
  readonly tolerance?: number;
  /** Number of elements checked, picked at random when the input has more. */
  readonly samples?: number;
  readonly what?: string;
}

const LARGEST_SHARE_OF_KINKS = 0.25;
const REFINEMENT = 16;
/** Differences of slopes below this share of the largest gradient are rounding. */
const ROUNDING = 1e-7;

interface Slopes {
  readonly central: number;
  /** Right slope minus left slope. */
  readonly jump: number;
}

/**
 * Compares `gradient` with central differences of `f` in float64. An element at a kink, where no derivative exists, is
 * skipped: there the left and the right slope differ by as much at a finer step, while for a smooth function their
 * difference shrinks with the step. Too many skipped elements fail the check.
 *
 * @param f Value at an array of x's shape; it must not keep the array, which is changed in place.
 */
export function expectGradient(
  f: (x: NdArray) => number,
  x: NdArray,
  gradient: NdArray,
  options: FiniteDifferenceOptions = {},
): void {
  const { step = 1e-5, tolerance = 1e-6, samples = 48, what = 'gradient' } = options;
  expect(gradient.shape, `${what}: shape`).toEqual([...x.shape]);
  const probe = { shape: x.shape, data: x.data.slice() };
  const centre = f(probe);
  const slopes = (i: number, h: number): Slopes => {
    const value = x.data[i];
    probe.data[i] = value + h;
    const above = f(probe);
    probe.data[i] = value - h;
    const below = f(probe);
    probe.data[i] = value;
    return { central: (above - below) / (2 * h), jump: Math.abs(above - 2 * centre + below) / h };
  };
  const scale = gradient.data.reduce((largest, value) => Math.max(largest, Math.abs(value)), 1);
  const agrees = (i: number, { central }: Slopes): boolean => Math.abs(gradient.data[i] - central) <= tolerance * scale;

  const positions = pick(x.data.length, samples);
  let kinks = 0;
  for (const i of positions) {
    const h = step * Math.max(1, Math.abs(x.data[i]));
    const coarse = slopes(i, h);
    if (agrees(i, coarse)) continue;
    const fine = slopes(i, h / REFINEMENT);
    if (agrees(i, fine)) continue;
    if (fine.jump > ROUNDING * scale && fine.jump > coarse.jump / 4) {
      kinks++;
      continue;
    }
    expect.fail(
      `${what}: element ${i} (x = ${x.data[i]}) is ${gradient.data[i]}, the finite difference is ${coarse.central}`,
    );
  }
  expect(kinks, `${what}: elements at kinks, of ${positions.length}`).toBeLessThanOrEqual(
    Math.ceil(LARGEST_SHARE_OF_KINKS * positions.length),
  );
}

function pick(size: number, samples: number): number[] {
  const all = Array.from({ length: size }, (_, i) => i);
  if (size <= samples) return all;
  const random = new Random(`finite differences ${size}`);
  return Array.from({ length: samples }, () => random.integer(0, size - 1));
}

/** sum over i of weights_i * values_i: turns an op into a function whose gradient is the op's gradient at `weights`. */
export function weightedSum(values: NdArray, weights: NdArray): number {
  let sum = 0;
  for (let i = 0; i < values.data.length; i++) sum += values.data[i] * weights.data[i];
  return sum;
}
