import type { BenchCase, Family, RandomIntegers } from '../benchCase';
import { shapeText } from '../conv/notation';
import { referenceElement } from '../conv/reference';
import { type ConvAlgorithm, convRun } from '../conv/run';
import { type ConvShape, type Direction, operations, tensorShapes } from '../conv/shape';
import { normal } from '../inputs';

/** One direction by one algorithm. */
function convCase(shape: ConvShape, direction: Direction, algorithm: ConvAlgorithm): BenchCase {
  return {
    name: `${direction} ${algorithm} ${shapeText(shape)}`,
    unit: 'GFLOP/s',
    amount: operations(shape),
    prepare() {
      const shapes = tensorShapes(shape);
      const input = normal(shapes.input);
      const weight = normal(shapes.weight);
      const output = normal(shapes.output);
      const values = { input: input.values, weight: weight.values, output: output.values };
      const tensors = { input: input.tensor, weight: weight.tensor, output: output.tensor };
      const run = convRun(shape, direction, algorithm, tensors);
      return {
        run: () => [run()],
        expected: (index) => referenceElement(shape, direction, values, index).value,
        tolerance: 1e-3,
        inputs: Object.values(tensors),
      };
    },
  };
}

const square = (c: number, size: number, k: number, kernel: number, stride = 1, padding = 0, n = 1): ConvShape => ({
  n,
  c,
  h: size,
  w: size,
  k,
  kernel: [kernel, kernel],
  stride: [stride, stride],
  padding: [padding, padding],
  groups: 1,
});

function randomShape(random: RandomIntegers): ConvShape {
  const groups = random.between(1, 5) === 1 ? random.between(2, 4) : 1;
  const kernel = [random.between(1, 5), random.between(1, 7)] as const;
  return {
    n: random.between(1, 4),
    c: groups * random.between(1, 24),
    h: random.between(7, 40),
    w: random.between(8, 60),
    k: groups * random.between(1, 40),
    kernel,
    stride: [random.between(1, 2), random.between(1, 3)],
    padding: [random.between(0, kernel[0] >> 1), random.between(0, kernel[1] >> 1)],
    groups,
  };
}

/** All that can compute a direction. */
function algorithmsFor({ kernel, stride }: ConvShape, direction: Direction): ConvAlgorithm[] {
  const winograd = direction !== 'bwd_w' && [...kernel, ...stride].join() === '3,3,1,1';
  return ['implicit', 'im2col', ...(winograd ? (['winogradF2', 'winogradF4'] as const) : [])];
}

/** Layers of the published networks whose independent check is cheap enough for the backward directions too. */
const small = [
  square(1, 28, 6, 5, 1, 2, 64),
  square(6, 14, 16, 5, 1, 0, 64),
  square(64, 14, 96, 3, 1, 1),
  square(64, 28, 64, 1),
];

/** Larger layers, forward. */
const large = [
  square(64, 27, 192, 5, 1, 2),
  square(192, 13, 384, 3, 1, 1),
  square(3, 224, 64, 3, 1, 1),
  square(64, 224, 64, 3, 1, 1),
  square(128, 112, 128, 3, 1, 1),
  square(256, 56, 256, 3, 1, 1),
  square(512, 14, 512, 3, 1, 1),
  square(512, 7, 512, 3, 1, 1),
  square(3, 224, 64, 7, 2, 3),
  square(64, 56, 256, 1),
  square(128, 56, 128, 3, 2, 1),
];

export const conv2d: Family = (random, extraShapes) => {
  const extra = Array.from({ length: extraShapes }, () => randomShape(random));
  const all = (shape: ConvShape, directions: readonly Direction[]): BenchCase[] =>
    directions.flatMap((direction) =>
      algorithmsFor(shape, direction).map((algorithm) => convCase(shape, direction, algorithm)),
    );
  return [
    ...large.flatMap((shape) => all(shape, ['fwd'])),
    ...small.flatMap((shape) => all(shape, ['fwd', 'bwd_d', 'bwd_w'])),
    ...extra.flatMap((shape) => all(shape, ['fwd'])),
  ];
};
