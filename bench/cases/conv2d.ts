import { conv2d as convolve, grad, type Tensor } from 'receptive';
import type { BenchCase, Family, RandomIntegers } from '../benchCase';
import { normal } from '../inputs';

interface ConvShape {
  readonly n: number;
  readonly c: number;
  readonly h: number;
  readonly w: number;
  readonly k: number;
  readonly kernel: readonly [number, number];
  readonly stride: readonly [number, number];
  readonly padding: readonly [number, number];
  readonly groups: number;
}

type Direction = 'fwd' | 'bwd_d' | 'bwd_w';
const algorithms = ['implicit', 'im2col'] as const;

const outputSize = (input: number, kernel: number, stride: number, padding: number): number =>
  Math.floor((input + 2 * padding - kernel) / stride) + 1;

function text({ n, c, h, w, k, kernel, stride, padding, groups }: ConvShape): string {
  const group = groups > 1 ? ` g${groups}` : '';
  return `N${n} ${c}@${h}x${w}->${k} k${kernel.join('x')} s${stride.join(',')} p${padding.join(',')}${group}`;
}

/** One direction by one algorithm. Operations count padded taps too: 2 N K OH OW (C/groups) R S. */
function convCase(shape: ConvShape, direction: Direction, algorithm: (typeof algorithms)[number]): BenchCase {
  const { n, c, h, w, k, kernel, stride, padding, groups } = shape;
  const [r, s] = kernel;
  const oh = outputSize(h, r, stride[0], padding[0]);
  const ow = outputSize(w, s, stride[1], padding[1]);
  const cg = c / groups;
  const kg = k / groups;
  return {
    name: `${direction} ${algorithm} ${text(shape)}`,
    unit: 'GFLOP/s',
    amount: 2 * n * k * oh * ow * cg * r * s,
    prepare() {
      const options = { stride, padding, groups, algorithm };
      const x = normal([n, c, h, w]);
      const weight = normal([k, cg, r, s]);
      const g = normal([n, k, oh, ow]);
      /** f(x index, weight index, gradient index) for the taps of an output element. */
      const taps = (o: number, f: (xi: number, wi: number) => void): void => {
        const ox = o % ow;
        const oy = Math.floor(o / ow) % oh;
        const filter = Math.floor(o / (ow * oh)) % k;
        const image = Math.floor(o / (ow * oh * k));
        for (let q = 0; q < cg; ++q) {
          for (let y = 0; y < r; ++y) {
            for (let i = 0; i < s; ++i) {
              const iy = oy * stride[0] - padding[0] + y;
              const ix = ox * stride[1] - padding[1] + i;
              if (iy < 0 || iy >= h || ix < 0 || ix >= w) continue;
              const channel = Math.floor(filter / kg) * cg + q;
              f(((image * c + channel) * h + iy) * w + ix, ((filter * cg + q) * r + y) * s + i);
            }
          }
        }
      };
      const sumWhere = (
        outputs: number,
        matches: (xi: number, wi: number) => boolean,
        term: (o: number, xi: number, wi: number) => number,
      ): number => {
        let sum = 0;
        for (let o = 0; o < outputs; ++o)
          taps(o, (xi, wi) => {
            if (matches(xi, wi)) sum += term(o, xi, wi);
          });
        return sum;
      };
      const expected: Record<Direction, (index: number) => number> = {
        fwd: (index) => {
          let sum = 0;
          taps(index, (xi, wi) => {
            sum += x.values[xi] * weight.values[wi];
          });
          return sum;
        },
        bwd_d: (index) =>
          sumWhere(
            g.values.length,
            (xi) => xi === index,
            (o, _, wi) => g.values[o] * weight.values[wi],
          ),
        bwd_w: (index) =>
          sumWhere(
            g.values.length,
            (_, wi) => wi === index,
            (o, xi) => g.values[o] * x.values[xi],
          ),
      };
      const run: Record<Direction, () => Tensor> = {
        fwd: () => convolve(x.tensor, weight.tensor, options),
        bwd_d: () => grad.conv2dInput([n, c, h, w], weight.tensor, g.tensor, options),
        bwd_w: () => grad.conv2dWeight(x.tensor, [k, cg, r, s], g.tensor, options),
      };
      return {
        run: () => [run[direction]()],
        expected: expected[direction],
        tolerance: 1e-3,
        inputs: [x.tensor, weight.tensor, g.tensor],
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
    directions.flatMap((direction) => algorithms.map((algorithm) => convCase(shape, direction, algorithm)));
  return [
    ...large.flatMap((shape) => all(shape, ['fwd'])),
    ...small.flatMap((shape) => all(shape, ['fwd', 'bwd_d', 'bwd_w'])),
    ...extra.flatMap((shape) => all(shape, ['fwd'])),
  ];
};
