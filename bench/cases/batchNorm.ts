import { batchNormWithStatistics, grad, batchNorm as normalised, ones, type Tensor, zeros } from 'receptive';
import type { BenchCase, Family } from '../benchCase';
import { normal } from '../inputs';

type Layout = 'NCHW' | 'NHWC';

interface Problem {
  readonly shape: readonly number[];
  readonly channels: number;
  readonly layout: Layout;
}

const problem = (n: number, channels: number, size: number, layout: Layout): Problem => ({
  shape: layout === 'NCHW' ? [n, channels, size, size] : [n, size, size, channels],
  channels,
  layout,
});

/** The values of the channel that an element belongs to. */
function channelOf(values: Float32Array, { shape, channels, layout }: Problem, index: number): number[] {
  const inner = layout === 'NCHW' ? shape[2] * shape[3] : 1;
  const channel = Math.floor(index / inner) % channels;
  const result: number[] = [];
  for (let i = channel * inner; i < values.length; i += channels * inner) {
    for (let j = 0; j < inner; j++) result.push(values[i + j]);
  }
  return result;
}

const average = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;

function moments(values: readonly number[]): { mean: number; inverse: number } {
  const mean = average(values);
  return { mean, inverse: 1 / Math.sqrt(average(values.map((v) => (v - mean) ** 2)) + 1e-5) };
}

function forward(p: Problem, training: boolean): BenchCase {
  const size = p.shape.reduce((a, b) => a * b, 1);
  return {
    name: `batchNorm ${training ? 'training' : 'inference'} ${p.layout} [${p.shape}]`,
    unit: 'GB/s',
    amount: size * (training ? 12 : 8),
    prepare() {
      const x = normal(p.shape);
      const [runningMean, runningVar] = [zeros([p.channels]), ones([p.channels])];
      const [weight, bias] = [ones([p.channels]), ones([p.channels])];
      const options = { weight, bias, layout: p.layout };
      return {
        run: () => [
          normalised(x.tensor, training ? { ...options, training } : { ...options, runningMean, runningVar }),
        ],
        expected: (index) => {
          if (!training) return x.values[index] / Math.sqrt(1 + 1e-5) + 1;
          const { mean, inverse } = moments(channelOf(x.values, p, index));
          return (x.values[index] - mean) * inverse + 1;
        },
        tolerance: 1e-4,
        inputs: [x.tensor, runningMean, runningVar, weight, bias],
      };
    },
  };
}

function backward(p: Problem): BenchCase {
  const size = p.shape.reduce((a, b) => a * b, 1);
  return {
    name: `grad.batchNorm ${p.layout} [${p.shape}]`,
    unit: 'GB/s',
    amount: size * 20,
    prepare() {
      const [x, g] = [normal(p.shape), normal(p.shape)];
      const weight = ones([p.channels]);
      const { output, mean, inverseStd } = batchNormWithStatistics(x.tensor, { training: true, layout: p.layout });
      output.dispose();
      return {
        run: () => {
          const options = { weight, training: true, layout: p.layout };
          const gradients = grad.batchNorm(g.tensor, x.tensor, mean, inverseStd, options);
          return Object.values(gradients) as Tensor[];
        },
        expected: (index) => {
          const channel = moments(channelOf(x.values, p, index));
          const gs = channelOf(g.values, p, index);
          const hats = channelOf(x.values, p, index).map((v) => (v - channel.mean) * channel.inverse);
          const hat = (x.values[index] - channel.mean) * channel.inverse;
          return channel.inverse * (g.values[index] - average(gs) - hat * average(gs.map((v, i) => v * hats[i])));
        },
        tolerance: 1e-4,
        inputs: [x.tensor, g.tensor, weight, mean, inverseStd],
      };
    },
  };
}

export const batchNorm: Family = () => {
  const problems = [
    ...[problem(1, 16, 28, 'NCHW'), problem(1, 16, 28, 'NHWC')],
    ...[problem(32, 64, 56, 'NCHW'), problem(32, 64, 56, 'NHWC')],
    ...[problem(64, 512, 7, 'NCHW'), problem(64, 512, 7, 'NHWC')],
  ];
  return problems.flatMap((p) => [forward(p, false), forward(p, true), backward(p)]);
};
