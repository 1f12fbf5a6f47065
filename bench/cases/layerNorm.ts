import { grad, layerNormWithStatistics, layerNorm as normalised, ones, type Tensor } from 'receptive';
import type { BenchCase, Family } from '../benchCase';
import { normal } from '../inputs';

const average = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;

/** The row of an element, and its mean and inverse standard deviation. */
function rowOf(values: Float32Array, n: number, index: number): { row: number[]; mean: number; inverse: number } {
  const first = index - (index % n);
  const row = Array.from(values.subarray(first, first + n));
  const mean = average(row);
  return { row, mean, inverse: 1 / Math.sqrt(average(row.map((v) => (v - mean) ** 2)) + 1e-5) };
}

const forward = (rows: number, n: number): BenchCase => ({
  name: `layerNorm [${rows},${n}]`,
  unit: 'GB/s',
  amount: rows * n * 8,
  prepare() {
    const x = normal([rows, n]);
    const [weight, bias] = [ones([n]), ones([n])];
    return {
      run: () => [normalised(x.tensor, { weight, bias })],
      expected: (index) => {
        const { mean, inverse } = rowOf(x.values, n, index);
        return (x.values[index] - mean) * inverse + 1;
      },
      tolerance: 1e-5,
      inputs: [x.tensor, weight, bias],
    };
  },
});

const backward = (rows: number, n: number): BenchCase => ({
  name: `grad.layerNorm [${rows},${n}]`,
  unit: 'GB/s',
  amount: rows * n * 20,
  prepare() {
    const [x, g] = [normal([rows, n]), normal([rows, n])];
    const weight = ones([n]);
    const { output, mean, inverseStd } = layerNormWithStatistics(x.tensor);
    output.dispose();
    return {
      run: () => Object.values(grad.layerNorm(g.tensor, x.tensor, mean, inverseStd, { weight })) as Tensor[],
      expected: (index) => {
        const { row, mean: middle, inverse } = rowOf(x.values, n, index);
        const gs = rowOf(g.values, n, index).row;
        const product = average(gs.map((v, i) => v * (row[i] - middle) * inverse));
        return inverse * (g.values[index] - average(gs) - (x.values[index] - middle) * inverse * product);
      },
      tolerance: 1e-4,
      inputs: [x.tensor, g.tensor, weight, mean, inverseStd],
    };
  },
});

export const layerNorm: Family = () =>
  [
    [64, 256],
    [16384, 768],
    [131072, 96],
  ].flatMap(([rows, n]) => [forward(rows, n), backward(rows, n)]);
