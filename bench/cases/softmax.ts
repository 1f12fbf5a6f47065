import { logSoftmax, softmax as normalised, type Tensor } from 'receptive';
import type { BenchCase, Family } from '../benchCase';
import { normal } from '../inputs';

function over(name: string, op: (x: Tensor, axis: number) => Tensor, rows: number, n: number, log: boolean): BenchCase {
  return {
    name: `${name} [${rows},${n}]`,
    unit: 'GB/s',
    amount: rows * n * 8,
    prepare() {
      const x = normal([rows, n]);
      return {
        run: () => [op(x.tensor, 1)],
        expected: (index) => {
          const row = Array.from(x.values.subarray(index - (index % n), index - (index % n) + n));
          const sum = row.reduce((a, v) => a + Math.exp(v), 0);
          return log ? x.values[index] - Math.log(sum) : Math.exp(x.values[index]) / sum;
        },
        tolerance: 1e-5,
        inputs: [x.tensor],
      };
    },
  };
}

export const softmax: Family = () => [
  over('softmax', normalised, 16384, 10, false),
  over('softmax', normalised, 1024, 1000, false),
  over('logSoftmax', logSoftmax, 1024, 1000, true),
];
