import { avgPool2d, grad, maxPool2d, maxPool2dWithIndices, type Tensor } from 'receptive';
import type { BenchCase, Family, RandomIntegers } from '../benchCase';
import { normal } from '../inputs';

interface PoolShape {
  readonly n: number;
  readonly c: number;
  readonly h: number;
  readonly w: number;
  readonly kernelSize: readonly [number, number];
  readonly stride: readonly [number, number];
  readonly padding: readonly [number, number];
}

const outputSize = (input: number, kernel: number, stride: number, padding: number): number =>
  Math.floor((input + 2 * padding - kernel) / stride) + 1;

const text = ({ n, c, h, w, kernelSize, stride, padding }: PoolShape): string =>
  `[${n},${c},${h},${w}] k${kernelSize.join('x')} s${stride.join(',')} p${padding.join(',')}`;

function forward(
  name: string,
  op: (x: Tensor, options: Omit<PoolShape, 'n' | 'c' | 'h' | 'w'>) => Tensor,
  shape: PoolShape,
  fold: (values: readonly number[], window: number) => number,
): BenchCase {
  const { n, c, h, w, kernelSize, stride, padding } = shape;
  const oh = outputSize(h, kernelSize[0], stride[0], padding[0]);
  const ow = outputSize(w, kernelSize[1], stride[1], padding[1]);
  return {
    name: `${name} ${text(shape)}`,
    unit: 'GB/s',
    amount: n * c * (h * w + oh * ow) * 4,
    prepare() {
      const x = normal([n, c, h, w]);
      return {
        run: () => [op(x.tensor, { kernelSize, stride, padding })],
        expected: (index) => {
          const column = (index % ow) * stride[1] - padding[1];
          const row = (Math.floor(index / ow) % oh) * stride[0] - padding[0];
          const plane = Math.floor(index / (ow * oh)) * h * w;
          const values: number[] = [];
          for (let y = Math.max(row, 0); y < Math.min(row + kernelSize[0], h); ++y) {
            for (let i = Math.max(column, 0); i < Math.min(column + kernelSize[1], w); ++i) {
              values.push(x.values[plane + y * w + i]);
            }
          }
          return fold(values, kernelSize[0] * kernelSize[1]);
        },
        tolerance: 1e-5,
        inputs: [x.tensor],
      };
    },
  };
}

const largest = (values: readonly number[]): number => Math.max(...values);
const average = (values: readonly number[], window: number): number => values.reduce((a, b) => a + b, 0) / window;

function backward(shape: PoolShape): BenchCase {
  const { n, c, h, w, kernelSize, stride, padding } = shape;
  const oh = outputSize(h, kernelSize[0], stride[0], padding[0]);
  const ow = outputSize(w, kernelSize[1], stride[1], padding[1]);
  return {
    name: `grad.maxPool2d ${text(shape)}`,
    unit: 'GB/s',
    amount: n * c * (h * w + 2 * oh * ow) * 4,
    prepare() {
      const options = { kernelSize, stride, padding };
      const x = normal([n, c, h, w]);
      const g = normal([n, c, oh, ow]);
      const { output, indices } = maxPool2dWithIndices(x.tensor, options);
      output.dispose();
      const chosen = indices.dataSync();
      return {
        run: () => [grad.maxPool2d(g.tensor, indices, [n, c, h, w], options)],
        expected: (index) => {
          const plane = Math.floor(index / (h * w));
          let sum = 0;
          for (let o = plane * oh * ow; o < (plane + 1) * oh * ow; ++o) {
            if (chosen[o] === index % (h * w)) sum += g.values[o];
          }
          return sum;
        },
        tolerance: 1e-5,
        inputs: [x.tensor, g.tensor, indices],
      };
    },
  };
}

function randomShape(random: RandomIntegers): PoolShape {
  const kernelSize = [random.between(1, 4), random.between(1, 5)] as const;
  return {
    n: random.between(1, 4),
    c: random.between(1, 32),
    h: random.between(5, 60),
    w: random.between(6, 90),
    kernelSize,
    stride: [random.between(1, 3), random.between(1, 3)],
    padding: [random.between(0, kernelSize[0] >> 1), random.between(0, kernelSize[1] >> 1)],
  };
}

const square = (n: number, c: number, size: number, kernel: number, stride: number, padding: number): PoolShape => ({
  n,
  c,
  h: size,
  w: size,
  kernelSize: [kernel, kernel],
  stride: [stride, stride],
  padding: [padding, padding],
});

export const pool: Family = (random, extraShapes) => {
  const shapes = [
    square(1, 64, 112, 2, 2, 0),
    square(16, 64, 112, 2, 2, 0),
    square(1, 64, 112, 3, 2, 1),
    square(1, 192, 28, 3, 1, 1),
  ];
  for (let i = 0; i < extraShapes; ++i) shapes.push(randomShape(random));
  return shapes.flatMap((shape) => [
    forward('maxPool2d', maxPool2d, shape, largest),
    forward('avgPool2d', avgPool2d, shape, average),
    backward(shape),
  ]);
};
