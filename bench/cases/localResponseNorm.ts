import { grad, localResponseNorm as normalised } from 'receptive';
import type { BenchCase, Family } from '../benchCase';
import { normal } from '../inputs';

type Layout = 'NCHW' | 'NHWC';

const settings = { size: 5, alpha: 1e-2, beta: 0.75, k: 2 };

function cases(n: number, channels: number, size: number, layout: Layout): BenchCase[] {
  const shape = layout === 'NCHW' ? [n, channels, size, size] : [n, size, size, channels];
  const step = layout === 'NCHW' ? size * size : 1;
  const elements = n * channels * size * size;
  const options = { ...settings, layout };
  /** Sum of f over the window of the element at `index`, up to two channels away. */
  const overWindow = (index: number, f: (neighbour: number) => number): number => {
    const channel = Math.floor(index / step) % channels;
    let sum = 0;
    for (let c = Math.max(channel - 2, 0); c <= Math.min(channel + 2, channels - 1); ++c) {
      sum += f(index + (c - channel) * step);
    }
    return sum;
  };
  const denominator = (values: Float32Array, index: number): number =>
    settings.k + (settings.alpha / settings.size) * overWindow(index, (i) => values[i] ** 2);
  const forward: BenchCase = {
    name: `localResponseNorm ${layout} [${shape}]`,
    unit: 'GB/s',
    amount: elements * 8,
    prepare() {
      const x = normal(shape);
      return {
        run: () => [normalised(x.tensor, options)],
        expected: (index) => x.values[index] / denominator(x.values, index) ** settings.beta,
        tolerance: 1e-5,
        inputs: [x.tensor],
      };
    },
  };
  const backward: BenchCase = {
    name: `grad.localResponseNorm ${layout} [${shape}]`,
    unit: 'GB/s',
    amount: elements * 16,
    prepare() {
      const [x, g] = [normal(shape), normal(shape)];
      const y = normalised(x.tensor, options);
      return {
        run: () => [grad.localResponseNorm(g.tensor, x.tensor, y, options)],
        expected: (index) => {
          const { alpha, beta, size: window } = settings;
          const sum = overWindow(index, (i) => g.values[i] * x.values[i] * denominator(x.values, i) ** (-beta - 1));
          const own = g.values[index] * denominator(x.values, index) ** -beta;
          return own - ((2 * alpha * beta) / window) * x.values[index] * sum;
        },
        tolerance: 1e-5,
        inputs: [x.tensor, g.tensor, y],
      };
    },
  };
  return [forward, backward];
}

export const localResponseNorm: Family = () => [
  ...cases(1, 16, 28, 'NCHW'),
  ...cases(16, 96, 55, 'NCHW'),
  ...cases(16, 96, 55, 'NHWC'),
];
