import { type NdArray, ndarray, sizeOf } from '../reference/ndarray';

/** Seed of everything random in the tests: RECEPTIVE_TEST_SEED, or a fixed number. Printed at the start of each run. */
export const testSeed: number = Number(process.env.RECEPTIVE_TEST_SEED || 20_150_611);
if (!Number.isInteger(testSeed) || testSeed < 0 || testSeed >= 2 ** 31) {
  throw new Error(
    `RECEPTIVE_TEST_SEED must be an integer from 0 to 2^31 - 1, given ${process.env.RECEPTIVE_TEST_SEED}`,
  );
}

export type FloatDType = 'float32' | 'float64';

/** FNV-1a, so that each label starts a sequence of its own. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (const byte of Buffer.from(text)) value = Math.imul(value ^ byte, 0x01000193);
  return value >>> 0;
}

/** A seeded generator (Mulberry32), independent of the library's own random numbers. */
export class Random {
  private state: number;

  /** The sequence depends on the run's seed and on the label. */
  constructor(label: string | number) {
    this.state = hash(`${testSeed}/${label}`);
  }

  /** Uniform on [0, 1). */
  next(): number {
    this.state = (this.state + 0x6d2b79f5) >>> 0;
    let t = this.state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  }

  uniform(low: number, high: number): number {
    return low + (high - low) * this.next();
  }

  /** Uniform on the integers from `low` to `high`, both included. */
  integer(low: number, high: number): number {
    return low + Math.floor(this.next() * (high - low + 1));
  }

  choice<T>(values: readonly T[]): T {
    return values[this.integer(0, values.length - 1)];
  }

  /** Uniform values on [low, high], exact in `dtype`. */
  array(shape: readonly number[], dtype: FloatDType, low = -1, high = 1): NdArray {
    const values = Float64Array.from({ length: sizeOf(shape) }, () => this.uniform(low, high));
    return ndarray(shape, dtype === 'float32' ? Float32Array.from(values) : values);
  }

  /** Small integers: sums of their products are exact in every dtype and order of summation. */
  integers(shape: readonly number[], low = -4, high = 4): NdArray {
    return ndarray(
      shape,
      Array.from({ length: sizeOf(shape) }, () => this.integer(low, high)),
    );
  }

  /** Distinct values in random order, so that a maximum has no ties; spaced by at least 2^-10. */
  distinct(shape: readonly number[]): NdArray {
    const size = sizeOf(shape);
    const values = Array.from({ length: size }, (_, i) => (i - size / 2) / 1024);
    for (let i = size - 1; i > 0; i--) {
      const j = this.integer(0, i);
      [values[i], values[j]] = [values[j], values[i]];
    }
    return ndarray(shape, values);
  }
}
