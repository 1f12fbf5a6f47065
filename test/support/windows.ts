import fc from 'fast-check';
import { type Conv2dOptions, conv2dOutputShape } from '../reference/conv2d';
import { type PoolOptions, poolGeometry } from '../reference/pool';
import { hasWindowInPadding } from '../reference/window';

/** Random window problems: H != W, kernel h != w, and nothing else equal on both axes except by chance. */

const layout = fc.constantFrom('NCHW' as const, 'NHWC' as const);
const small = (min: number, max: number): fc.Arbitrary<number> => fc.integer({ min, max });

const axis = fc.record({
  kernel: small(1, 4),
  stride: small(1, 3),
  dilation: small(1, 3),
  before: small(0, 4),
  after: small(0, 4),
  // Input beyond the smallest that gives one output element.
  extra: small(0, 6),
});
type AxisProblem = { kernel: number; stride: number; dilation: number; before: number; after: number; extra: number };

const inputExtent = (a: AxisProblem): number =>
  Math.max(1, (a.kernel - 1) * a.dilation + 1 - a.before - a.after) + a.extra;

const axes = fc
  .tuple(axis, axis)
  .map(([h, w]): [AxisProblem, AxisProblem] => (h.kernel === w.kernel ? [h, { ...w, kernel: w.kernel + 1 }] : [h, w]));

function extents(h: AxisProblem, w: AxisProblem): [number, number] {
  const [height, width] = [inputExtent(h), inputExtent(w)];
  return [height, width === height ? width + 1 : width];
}

const windowOptions = (h: AxisProblem, w: AxisProblem) => ({
  stride: [h.stride, w.stride] as [number, number],
  padding: { top: h.before, bottom: h.after, left: w.before, right: w.after },
  dilation: [h.dilation, w.dilation] as [number, number],
});

const arrange = (shape: number[], order: 'NCHW' | 'NHWC'): number[] => {
  const [n, c, height, width] = shape;
  return order === 'NHWC' ? [n, height, width, c] : shape;
};

export interface ConvProblem {
  readonly inputShape: number[];
  readonly weightShape: number[];
  readonly outputShape: number[];
  readonly options: Conv2dOptions;
  /** Seed of the values. */
  readonly seed: number;
}

export const convProblems: fc.Arbitrary<ConvProblem> = fc
  .record({
    axes,
    batch: small(1, 3),
    groups: small(1, 3),
    channelsPerGroup: small(1, 3),
    filtersPerGroup: small(1, 4),
    layout,
    seed: fc.nat(),
  })
  .map((p) => {
    const [h, w] = p.axes;
    const inputShape = arrange([p.batch, p.groups * p.channelsPerGroup, ...extents(h, w)], p.layout);
    const weightShape = [p.groups * p.filtersPerGroup, p.channelsPerGroup, h.kernel, w.kernel];
    const options = { ...windowOptions(h, w), groups: p.groups, layout: p.layout };
    return {
      inputShape,
      weightShape,
      outputShape: conv2dOutputShape(inputShape, weightShape, options),
      options,
      seed: p.seed,
    };
  });

export interface PoolProblem {
  readonly inputShape: number[];
  readonly options: PoolOptions;
  readonly seed: number;
}

export const poolProblems: fc.Arbitrary<PoolProblem> = fc
  .record({ axes, batch: small(1, 3), channels: small(1, 5), layout, ceilMode: fc.boolean(), seed: fc.nat() })
  .map((p) => {
    const [h, w] = p.axes;
    return {
      inputShape: arrange([p.batch, p.channels, ...extents(h, w)], p.layout),
      options: {
        kernelSize: [h.kernel, w.kernel] as [number, number],
        ...windowOptions(h, w),
        ceilMode: p.ceilMode,
        layout: p.layout,
      },
      seed: p.seed,
    };
  })
  .filter(({ inputShape, options }) => {
    const spatial = options.layout === 'NHWC' ? inputShape.slice(1, 3) : inputShape.slice(2);
    return !hasWindowInPadding(poolGeometry(spatial[0], spatial[1], options));
  });
