import { randint, randn, type Tensor } from 'receptive';

/** Normal numbers and a copy of them for the independent computation. */
export function normal(shape: readonly number[]): { tensor: Tensor; values: Float32Array } {
  const tensor = randn(shape);
  return { tensor, values: tensor.dataSync() };
}

/** Integers in [low, high). */
export function integers(
  low: number,
  high: number,
  shape: readonly number[],
): { tensor: Tensor<'int32'>; values: Int32Array } {
  const tensor = randint(low, high, shape);
  return { tensor, values: tensor.dataSync() };
}

/** In the first caches, and beyond the last one (float32 elements). */
export const sizes: readonly { readonly label: string; readonly elements: number }[] = [
  { label: '16 Ki', elements: 16 * 1024 },
  { label: '16 Mi', elements: 16 * 1024 * 1024 },
];
