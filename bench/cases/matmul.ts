import { linear, matmul as product } from 'receptive';
import type { BenchCase, Family } from '../benchCase';
import { normal } from '../inputs';

function square(m: number, n: number, k: number): BenchCase {
  return {
    name: `matmul ${m} x ${k} x ${n}`,
    unit: 'GFLOP/s',
    amount: 2 * m * n * k,
    prepare() {
      const a = normal([m, k]);
      const b = normal([k, n]);
      return {
        run: () => [product(a.tensor, b.tensor)],
        expected: (index) => {
          const row = Math.floor(index / n);
          let sum = 0;
          for (let i = 0; i < k; ++i) sum += a.values[row * k + i] * b.values[i * n + (index % n)];
          return sum;
        },
        tolerance: 1e-4,
        inputs: [a.tensor, b.tensor],
      };
    },
  };
}

function dense(rows: number, inputs: number, outputs: number): BenchCase {
  return {
    name: `linear [${rows},${inputs}] to ${outputs}`,
    unit: 'GFLOP/s',
    amount: 2 * rows * inputs * outputs,
    prepare() {
      const x = normal([rows, inputs]);
      const w = normal([outputs, inputs]);
      const b = normal([outputs]);
      return {
        run: () => [linear(x.tensor, w.tensor, b.tensor)],
        expected: (index) => {
          const row = Math.floor(index / outputs);
          const column = index % outputs;
          let sum = b.values[column];
          for (let i = 0; i < inputs; ++i) sum += x.values[row * inputs + i] * w.values[column * inputs + i];
          return sum;
        },
        tolerance: 1e-4,
        inputs: [x.tensor, w.tensor, b.tensor],
      };
    },
  };
}

export const matmul: Family = () => [
  square(1024, 1024, 1024),
  square(128, 784, 1152),
  square(37, 53, 91),
  dense(64, 400, 120),
  dense(1, 4096, 4096),
];
