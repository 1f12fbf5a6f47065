import { expect } from 'vitest';
import type { NdArray } from '../reference/ndarray';
import type { FloatDType } from './random';

const UNIT = { float32: 2 ** -23, float64: 2 ** -52 } as const;
/** Smallest subnormal number of each dtype. */
const TINY = { float32: 2 ** -149, float64: 2 ** -1074 } as const;
/** Smallest normal exponent. */
const MIN_EXPONENT = { float32: -126, float64: -1022 } as const;

/** Spacing of the dtype's numbers at `x`. */
export function ulp(x: number, dtype: FloatDType): number {
  const magnitude = Math.abs(x);
  if (magnitude < 2 ** MIN_EXPONENT[dtype]) return TINY[dtype];
  return 2 ** Math.floor(Math.log2(magnitude)) * UNIT[dtype];
}

function largest(values: Float64Array): number {
  let result = 0;
  for (const value of values) if (Number.isFinite(value)) result = Math.max(result, Math.abs(value));
  return result;
}

function positionOf(flat: number, shape: readonly number[]): string {
  const index: number[] = [];
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    index.unshift(flat % shape[axis]);
    flat = Math.floor(flat / shape[axis]);
  }
  return `[${index}]`;
}

/** Fails with the first few differing elements. `agree` sees only pairs that are not both NaN and not identical. */
function compare(
  actual: NdArray,
  expected: NdArray,
  what: string,
  agree: (actual: number, expected: number, i: number) => boolean,
  allowance: (expected: number) => string,
): void {
  expect(actual.shape, `${what}: shape`).toEqual([...expected.shape]);
  const faults: string[] = [];
  let count = 0;
  for (let i = 0; i < expected.data.length; i++) {
    const [a, e] = [actual.data[i], expected.data[i]];
    if (Object.is(a, e) || agree(a, e, i)) continue;
    if (++count <= 5) faults.push(`  at ${positionOf(i, expected.shape)}: ${a}, expected ${e}${allowance(e)}`);
  }
  if (count > 0) {
    expect.fail(`${what}: ${count} of ${expected.data.length} elements differ\n${faults.join('\n')}`);
  }
}

export interface Closeness {
  readonly dtype: FloatDType;
  /** Number of terms summed for one element. */
  readonly terms?: number;
  /** Largest magnitude of a term; by default the largest expected value, at least 1. */
  readonly scale?: number;
  readonly what?: string;
}

/**
 * For sums: an element may differ by (8 + terms) units of the dtype at `scale`, which is several times the error of a
 * float sum of that length in any order. NaN and infinities must agree exactly.
 */
export function expectClose(actual: NdArray, expected: NdArray, options: Closeness): void {
  const { dtype, terms = 1, scale = Math.max(1, largest(expected.data)), what = 'result' } = options;
  const tolerance = (8 + terms) * UNIT[dtype] * scale;
  compare(
    actual,
    expected,
    what,
    (a, e) => Math.abs(a - e) <= tolerance,
    () => ` ± ${tolerance.toExponential(2)}`,
  );
}

/** For pointwise functions: each element may differ by `ulps` spacings of the dtype at the expected value. */
export function expectUlps(
  actual: NdArray,
  expected: NdArray,
  options: { dtype: FloatDType; ulps: number; what?: string },
): void {
  const { dtype, ulps, what = 'result' } = options;
  compare(
    actual,
    expected,
    what,
    // Below half of the smallest subnormal the expected value rounds to 0: |a - e| covers that too.
    (a, e) => Math.abs(a - e) <= ulps * ulp(e, dtype) || (dtype === 'float32' && Math.fround(e) === a),
    (e) => ` ± ${ulps} ulp of ${ulp(e, dtype).toExponential(2)}`,
  );
}

/** Equal values; NaN equals NaN, and -0 equals +0. */
export function expectEqual(actual: NdArray, expected: NdArray, what = 'result'): void {
  compare(
    actual,
    expected,
    what,
    (a, e) => a === e,
    () => '',
  );
}

/** The same bits, the sign of zero included (the payload of a NaN is not compared). */
export function expectSame(actual: NdArray, expected: NdArray, what = 'result'): void {
  compare(
    actual,
    expected,
    what,
    () => false,
    () => '',
  );
}
