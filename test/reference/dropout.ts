import { type NdArray, ndarray } from './ndarray';
import { philox4x32 } from './philox';

/**
 * Whether element i of the stream of `seed` is kept: 64 elements share 16 counters, whose third word is 1; a word below
 * p 2^32 drops its element.
 */
export function kept(seed: readonly [number, number], i: number, p: number): boolean {
  const counter = Math.floor(i / 64) * 16 + (i % 16);
  const words = philox4x32([counter % 2 ** 32, Math.floor(counter / 2 ** 32), 1, 0], seed);
  return words[Math.floor((i % 64) / 16)] >= Math.min(Math.round(p * 2 ** 32), 2 ** 32 - 1);
}

/** x / (1 - p) where the element is kept, else 0. */
export function dropout(x: NdArray, seed: readonly [number, number], offset: number, p: number): NdArray {
  return ndarray(
    x.shape,
    Array.from(x.data, (value, i) => (kept(seed, offset + i, p) ? value / (1 - p) : 0)),
  );
}
