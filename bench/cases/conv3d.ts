import { grad, conv3d as run } from 'receptive';
import type { BenchCase, Family } from '../benchCase';
import { normal } from '../inputs';

/** Three numbers: depth, height, width. Padding is alike on both sides of an axis. */
type Triple = readonly [number, number, number];

interface VolumeShape {
  readonly n: number;
  readonly c: number;
  readonly size: Triple;
  readonly k: number;
  readonly kernel: Triple;
  readonly stride: Triple;
  readonly padding: Triple;
}

const directions = ['fwd', 'bwd_d', 'bwd_w'] as const;
type Direction = (typeof directions)[number];

const outputOf = ({ size, kernel, stride, padding }: VolumeShape): number[] =>
  size.map((extent, i) => Math.floor((extent + 2 * padding[i] - kernel[i]) / stride[i]) + 1);

const product = (numbers: readonly number[]): number => numbers.reduce((a, b) => a * b, 1);

const text = ({ n, c, size, k, kernel, stride, padding }: VolumeShape): string =>
  `[${[n, c, ...size]}] -> ${k} k${kernel.join('x')} s${stride} p${padding}`;

/** The one element, by its flat index, whose products are asked for. */
type Only = Partial<Record<'output' | 'weight' | 'input', number>>;

/** Sums term(output, weight, input), flat indices of the three tensors, over all products of one element of one of them. */
function elementOf(shape: VolumeShape, only: Only, term: (o: number, w: number, i: number) => number): number {
  const { n, c, size, k, kernel, stride, padding } = shape;
  const output = outputOf(shape);
  const indices = (extents: readonly number[], flat?: number): number[][] => {
    if (flat === undefined) return extents.map((extent) => Array.from({ length: extent }, (_, i) => i));
    let rest = flat;
    return extents
      .toReversed()
      .map((extent) => {
        const index = rest % extent;
        rest = Math.floor(rest / extent);
        return [index];
      })
      .reverse();
  };
  const [images, filters, ...places] = indices([n, k, ...output], only.output);
  const [weightFilters, weightChannels, ...taps] = indices([k, c, ...kernel], only.weight);
  const [inputImages, inputChannels, ...inputs] = indices([n, c, ...size], only.input);
  const shared = (a: number[], b: number[]): number[] => (a.length < b.length ? a : b);
  // Per axis, the triples (output, tap, input) that go together.
  const axes = [0, 1, 2].map((axis) =>
    places[axis].flatMap((o) =>
      taps[axis].flatMap((tap) => {
        const i = o * stride[axis] - padding[axis] + tap;
        const inside = i >= 0 && i < size[axis] && (inputs[axis].length > 1 || inputs[axis][0] === i);
        return inside ? [[o, tap, i] as const] : [];
      }),
    ),
  );
  let sum = 0;
  for (const image of shared(images, inputImages))
    for (const filter of shared(filters, weightFilters))
      for (const channel of shared(weightChannels, inputChannels))
        for (const [oz, t, iz] of axes[0])
          for (const [oy, r, iy] of axes[1])
            for (const [ox, s, ix] of axes[2]) {
              sum += term(
                (((image * k + filter) * output[0] + oz) * output[1] + oy) * output[2] + ox,
                (((filter * c + channel) * kernel[0] + t) * kernel[1] + r) * kernel[2] + s,
                (((image * c + channel) * size[0] + iz) * size[1] + iy) * size[2] + ix,
              );
            }
  return sum;
}

function volumeCase(shape: VolumeShape, direction: Direction): BenchCase {
  const { n, c, size, k, kernel, stride, padding } = shape;
  const output = outputOf(shape);
  return {
    name: `${direction} ${text(shape)}`,
    unit: 'GFLOP/s',
    amount: 2 * n * k * product(output) * c * product(kernel),
    prepare() {
      const [x, w, g] = [normal([n, c, ...size]), normal([k, c, ...kernel]), normal([n, k, ...output])];
      const options = { stride, padding };
      const runs = {
        fwd: () => run(x.tensor, w.tensor, options),
        bwd_d: () => grad.conv3dInput([n, c, ...size], w.tensor, g.tensor, options),
        bwd_w: () => grad.conv3dWeight(x.tensor, [k, c, ...kernel], g.tensor, options),
      };
      const elements: Record<Direction, (index: number) => number> = {
        fwd: (index) => elementOf(shape, { output: index }, (_, wi, i) => w.values[wi] * x.values[i]),
        bwd_d: (index) => elementOf(shape, { input: index }, (o, wi) => g.values[o] * w.values[wi]),
        bwd_w: (index) => elementOf(shape, { weight: index }, (o, _, i) => g.values[o] * x.values[i]),
      };
      return {
        run: () => [runs[direction]()],
        expected: elements[direction],
        tolerance: 1e-3,
        inputs: [x.tensor, w.tensor, g.tensor],
      };
    },
  };
}

const layer = (
  c: number,
  size: Triple,
  k: number,
  kernel: Triple = [3, 3, 3],
  stride: Triple = [1, 1, 1],
): VolumeShape => ({
  n: 1,
  c,
  size,
  k,
  kernel,
  stride,
  padding: [kernel[0] >> 1, kernel[1] >> 1, kernel[2] >> 1],
});

/** Of C3D (3x3x3), R3D (strides, 1x1x1) and R(2+1)D (planes and depth apart). */
const layers = [
  layer(3, [16, 112, 112], 64),
  layer(64, [16, 56, 56], 64),
  layer(128, [8, 28, 28], 256),
  layer(512, [2, 7, 7], 512),
  layer(3, [16, 112, 112], 64, [3, 7, 7], [1, 2, 2]),
  layer(64, [16, 56, 56], 128, [3, 3, 3], [2, 2, 2]),
  layer(64, [16, 56, 56], 128, [1, 1, 1], [2, 2, 2]),
  layer(64, [16, 56, 56], 144, [1, 3, 3]),
  layer(144, [16, 56, 56], 64, [3, 1, 1]),
];

export const conv3d: Family = () =>
  layers.flatMap((shape) => directions.map((direction) => volumeCase(shape, direction)));
