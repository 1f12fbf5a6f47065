import type { RandomIntegers } from './benchCase';

/** Mulberry32, uniform in [0, 1): enough to draw shapes and inputs, and the same ones for a seed everywhere. */
function mulberry(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

export function randomIntegers(seed: number): RandomIntegers {
  const next = mulberry(seed);
  return { between: (low, high) => low + Math.floor(next() * (high - low + 1)) };
}

/** Uniform in [-1, 1), made without the library that is measured. */
export function uniforms(seed: number, size: number): Float32Array {
  const next = mulberry(seed);
  const values = new Float32Array(size);
  for (let i = 0; i < size; ++i) values[i] = 2 * next() - 1;
  return values;
}
