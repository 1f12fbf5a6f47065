import { argmax, max, sum, sumSquares, type Tensor } from 'receptive';
import type { AnyTensor, BenchCase, Family } from '../benchCase';
import { normal } from '../inputs';

/** A reduction of [outer, n, inner] over the middle axis. */
function over(
  name: string,
  op: (x: Tensor) => AnyTensor,
  [outer, n, inner]: readonly [number, number, number],
  fold: (line: readonly number[]) => number,
): BenchCase {
  return {
    name: `${name} of [${outer},${n},${inner}] over the middle axis`,
    unit: 'GB/s',
    amount: outer * n * inner * 4,
    prepare() {
      const x = normal([outer, n, inner]);
      const line = (index: number): number[] =>
        Array.from({ length: n }, (_, k) => x.values[(Math.floor(index / inner) * n + k) * inner + (index % inner)]);
      return {
        run: () => [op(x.tensor)],
        expected: (index) => fold(line(index)),
        tolerance: 1e-4,
        inputs: [x.tensor],
      };
    },
  };
}

const total = (line: readonly number[]): number => line.reduce((a, b) => a + b, 0);
const largest = (line: readonly number[]): number => line.reduce((a, b) => Math.max(a, b));
const place = (line: readonly number[]): number => line.indexOf(largest(line));

export const reduce: Family = () => [
  over('sum', (x) => sum(x, { axis: 1 }), [1, 1 << 24, 1], total),
  over('sumSquares', sumSquares, [1, 1 << 24, 1], (line) => total(line.map((v) => v * v))),
  over('sum', (x) => sum(x, { axis: 1 }), [4096, 1024, 1], total),
  over('sum', (x) => sum(x, { axis: 1 }), [16, 64, 12544], total),
  over('max', (x) => max(x, { axis: 1 }), [4096, 1024, 1], largest),
  over('argmax', (x) => argmax(x, { axis: 1 }), [4096, 1000, 1], place),
];
