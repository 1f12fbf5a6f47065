import { fill, type NdArray, ndarray, offsetOf } from './ndarray';

/** The k best elements along an axis, the best first: a stable sort in which NaN is above +Infinity. */
export function topk(x: NdArray, k: number, axis: number, largest: boolean): { values: NdArray; indices: NdArray } {
  const shape = x.shape.with(axis, k);
  const [values, indices] = [ndarray(shape), ndarray(shape)];
  fill(x.shape.with(axis, 1), (head) => {
    const line = Array.from({ length: x.shape[axis] }, (_, i) => x.data[offsetOf(x.shape, head.with(axis, i))]);
    const order = line.map((_, i) => i).sort((a, b) => (largest ? descending : ascending)(line[a], line[b]));
    for (let j = 0; j < k; j++) {
      const to = offsetOf(shape, head.with(axis, j));
      values.data[to] = line[order[j]];
      indices.data[to] = order[j];
    }
    return 0;
  });
  return { values, indices };
}

function ascending(a: number, b: number): number {
  if (Number.isNaN(a) || Number.isNaN(b)) return Number(Number.isNaN(a)) - Number(Number.isNaN(b));
  return a < b ? -1 : Number(a > b);
}

const descending = (a: number, b: number): number => ascending(b, a);
