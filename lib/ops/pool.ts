import { expectBoolean, expectOptions, expectPair } from '../check';
import { type Attributes, opNumber, run1, run2 } from '../dispatch';
import type { DType } from '../dtype';
import { ShapeError } from '../errors';
import { type Shape, shapeText } from '../shape';
import { record, recording, rule } from '../tape/node';
import type { AnyTensor, Tensor } from '../tensor';
import { expectActivations } from './convPlan';
import { expectFloatTensor } from './operands';
import {
  adaptiveAvgPool2dGradient,
  avgPool2dGradient,
  globalAvgPool2dGradient,
  maxPool2dGradient,
} from './poolGradients';
import {
  checkCoverage,
  expectLayout,
  expectSteps,
  type Layout,
  maxWindowNumber,
  type PairOption,
  planWindow,
  type WindowOptions,
  windowAttributes,
} from './window';

const ops = {
  max: opNumber('maxPool2d'),
  maxWithIndices: opNumber('maxPool2dWithIndices'),
  average: opNumber('avgPool2d'),
  adaptive: opNumber('adaptiveAvgPool2d'),
  mean: opNumber('mean'),
};

/** Options of max pooling. */
export interface PoolOptions extends WindowOptions {
  /** Extent of the window. */
  readonly kernelSize: PairOption;
  /**
   * Round the output sizes up; the last window must still start inside the input or the leading padding. false if left
   * out.
   */
  readonly ceilMode?: boolean;
  /** Axes of input and output; `'NCHW'` if left out. */
  readonly layout?: Layout;
}

/** Options of average pooling. */
export interface AvgPoolOptions extends PoolOptions {
  /** Count padding, where a window covers it, in the divisor; true if left out. */
  readonly countIncludePad?: boolean;
}

/** The layout of activations. */
export interface LayoutOptions {
  /** `'NCHW'` if left out. */
  readonly layout?: Layout;
}

/** @internal */
export const poolOptions = ['kernelSize', 'stride', 'padding', 'dilation', 'ceilMode', 'layout'] as const;
/** @internal */
export const avgPoolOptions = [...poolOptions, 'countIncludePad'] as const;

/** @internal */
export interface PoolPlan {
  readonly outputShape: readonly number[];
  readonly attributes: Attributes;
}

interface Planes {
  readonly nhwc: boolean;
  readonly batch: number;
  readonly channels: number;
  readonly height: number;
  readonly width: number;
}

/** The extents of activations by name, checked against what pooling kernels can count. @internal */
export function expectPlanes(op: string, name: string, shape: Shape, layout: unknown): Planes {
  const nhwc = expectLayout(op, layout);
  expectActivations(op, name, shape, nhwc);
  const [channels, height, width] = nhwc ? [shape[3], shape[1], shape[2]] : [shape[1], shape[2], shape[3]];
  // Positions within a plane are int32, here and in the indices of max pooling.
  if (height * width > maxWindowNumber) {
    throw new ShapeError(
      `${op}: ${name} ${shapeText(shape)} has planes of ${height}*${width} = ${height * width} elements, at most ` +
        `2^31 - 1 = ${maxWindowNumber} are supported`,
    );
  }
  return { nhwc, batch: shape[0], channels, height, width };
}

const arrange = ({ nhwc, batch, channels }: Planes, h: number, w: number): number[] =>
  nhwc ? [batch, h, w, channels] : [batch, channels, h, w];

/** Checks the shape and options of a pooling op with a fixed window. @internal */
export function planPool(op: string, name: string, shape: Shape, options: Partial<AvgPoolOptions>): PoolPlan {
  const planes = expectPlanes(op, name, shape, options.layout);
  const kernel = expectSteps(op, 'kernelSize', options.kernelSize);
  const context = () => `${name} ${shapeText(shape)}, kernelSize [${kernel.h}, ${kernel.w}]`;
  const window = planWindow(op, { h: planes.height, w: planes.width }, kernel, options, kernel, context);
  checkCoverage(op, window, context);
  const { countIncludePad = true } = options;
  expectBoolean(op, 'countIncludePad', countIncludePad);
  return {
    outputShape: arrange(planes, window.h.output, window.w.output),
    attributes: {
      batch: planes.batch,
      channels: planes.channels,
      ...windowAttributes(window),
      nhwc: planes.nhwc,
      countIncludePad,
    },
  };
}

/**
 * Checks the shapes of adaptive pooling; its windows follow from the sizes, so the window's attributes are those of one
 * element.
 *
 * @internal
 */
export function planAdaptive(
  op: string,
  name: string,
  shape: Shape,
  output: { readonly h: number; readonly w: number },
  layout: unknown,
): PoolPlan {
  const planes = expectPlanes(op, name, shape, layout);
  return {
    outputShape: arrange(planes, output.h, output.w),
    attributes: {
      batch: planes.batch,
      channels: planes.channels,
      height: planes.height,
      width: planes.width,
      kernel: [1, 1],
      output: [output.h, output.w],
      stride: [1, 1],
      padding: [0, 0, 0, 0],
      dilation: [1, 1],
      nhwc: planes.nhwc,
      countIncludePad: false,
    },
  };
}

/**
 * Largest element of each window; NaN if the window holds one. Padding never wins.
 *
 * @param input float32 or float64, [N, C, H, W]; [N, H, W, C] with `layout: 'NHWC'`.
 * @param options `kernelSize`; `stride` (kernelSize), `padding` (0), `dilation` (1), each for both axes or per axis;
 *   `ceilMode` (false), `layout`.
 * @returns [N, C, OH, OW] or [N, OH, OW, C], OH = floor((H + top + bottom - dilation * (kernel - 1) - 1) / stride) + 1.
 * @throws ShapeError with the formula when an output size is not positive, or a window lies wholly in the padding;
 *   DTypeError, ArgumentError, DisposedError.
 */
export function maxPool2d<D extends DType>(input: Tensor<D>, options: PoolOptions): Tensor<D> {
  expectFloatTensor('maxPool2d', 'input', input);
  const given = expectOptions('maxPool2d', options, poolOptions);
  const { outputShape, attributes } = planPool('maxPool2d', 'input', input.shape, given);
  if (!recording(input)) return run1(ops.max, [input], input.dtype, outputShape, attributes);
  const { output, indices } = withIndices(input, { outputShape, attributes });
  record(maxRule, [input], output, [indices], { shape: input.shape, options });
  indices.dispose(); // the tape has it
  return output;
}

/**
 * As `maxPool2d`, with the position of each maximum, which the gradient needs.
 *
 * @returns `output`, and `indices`: int32, of the output's shape, the flat position iy * W + ix within the input plane.
 *   The first NaN wins, else the first of equal elements, in row-major order.
 * @throws As `maxPool2d`.
 */
export function maxPool2dWithIndices<D extends DType>(
  input: Tensor<D>,
  options: PoolOptions,
): { output: Tensor<D>; indices: Tensor<'int32'> } {
  const op = 'maxPool2dWithIndices';
  expectFloatTensor(op, 'input', input);
  const both = withIndices(input, planPool(op, 'input', input.shape, expectOptions(op, options, poolOptions)));
  if (recording(input)) record(maxRule, [input], both.output, [both.indices], { shape: input.shape, options });
  return both;
}

interface Pooled<O> {
  readonly shape: Shape;
  readonly options: O;
}

const maxRule = rule<Pooled<PoolOptions>>('maxPool2d', { keeps: 'indices' }, ({ gradOutput, saved, state }) => [
  maxPool2dGradient(gradOutput, saved[0] as AnyTensor as Tensor<'int32'>, state.shape, state.options),
]);
const linear = { keeps: 'nothing', differentiable: true };
const averageRule = rule<Pooled<AvgPoolOptions>>('avgPool2d', linear, ({ gradOutput, state }) => [
  avgPool2dGradient(gradOutput, state.shape, state.options),
]);
const adaptiveRule = rule<Pooled<LayoutOptions | undefined>>('adaptiveAvgPool2d', linear, ({ gradOutput, state }) => [
  adaptiveAvgPool2dGradient(gradOutput, state.shape, state.options),
]);
const globalRule = rule<Pooled<LayoutOptions | undefined>>('globalAvgPool2d', linear, ({ gradOutput, state }) => [
  globalAvgPool2dGradient(gradOutput, state.shape, state.options),
]);

function withIndices<D extends DType>(
  input: Tensor<D>,
  { outputShape, attributes }: PoolPlan,
): { output: Tensor<D>; indices: Tensor<'int32'> } {
  const [output, indices] = run2(
    ops.maxWithIndices,
    [input],
    { dtype: input.dtype, shape: outputShape },
    { dtype: 'int32', shape: outputShape },
    attributes,
  );
  return { output, indices };
}

/**
 * Mean of each window. The divisor counts the window's taps within the padded input, or only those within the input
 * with `countIncludePad: false`.
 *
 * @param input float32 or float64, [N, C, H, W]; [N, H, W, C] with `layout: 'NHWC'`.
 * @param options As `maxPool2d`, and `countIncludePad` (true).
 * @returns As `maxPool2d`.
 * @throws As `maxPool2d`.
 */
export function avgPool2d<D extends DType>(input: Tensor<D>, options: AvgPoolOptions): Tensor<D> {
  expectFloatTensor('avgPool2d', 'input', input);
  const given = expectOptions('avgPool2d', options, avgPoolOptions);
  const { outputShape, attributes } = planPool('avgPool2d', 'input', input.shape, given);
  const output = run1(ops.average, [input], input.dtype, outputShape, attributes);
  return recording(input) ? record(averageRule, [input], output, [], { shape: input.shape, options }) : output;
}

/**
 * Mean over windows that divide the input evenly: output row i averages the input rows floor(i * H / OH) to ceil((i +
 * 1) * H / OH) - 1, and columns likewise.
 *
 * @param input float32 or float64, [N, C, H, W]; [N, H, W, C] with `layout: 'NHWC'`.
 * @param outputSize [OH, OW], or one integer for both.
 * @returns [N, C, OH, OW] or [N, OH, OW, C].
 * @throws ShapeError, DTypeError, ArgumentError, DisposedError.
 */
export function adaptiveAvgPool2d<D extends DType>(
  input: Tensor<D>,
  outputSize: PairOption,
  options?: LayoutOptions,
): Tensor<D> {
  const op = 'adaptiveAvgPool2d';
  expectFloatTensor(op, 'input', input);
  const { layout } = expectOptions(op, options, ['layout']);
  const size = expectPair(op, 'outputSize', outputSize, 1, maxWindowNumber);
  const { outputShape, attributes } = planAdaptive(op, 'input', input.shape, size, layout);
  const output = run1(ops.adaptive, [input], input.dtype, outputShape, attributes);
  return recording(input) ? record(adaptiveRule, [input], output, [], { shape: input.shape, options }) : output;
}

/**
 * Mean of each plane.
 *
 * @param input float32 or float64, [N, C, H, W]; [N, H, W, C] with `layout: 'NHWC'`.
 * @returns [N, C, 1, 1] or [N, 1, 1, C].
 * @throws ShapeError, DTypeError, ArgumentError, DisposedError.
 */
export function globalAvgPool2d<D extends DType>(input: Tensor<D>, options?: LayoutOptions): Tensor<D> {
  const op = 'globalAvgPool2d';
  expectFloatTensor(op, 'input', input);
  const { layout } = expectOptions(op, options, ['layout']);
  const planes = expectPlanes(op, 'input', input.shape, layout);
  const { nhwc, batch, channels, height, width } = planes;
  const output = run1(ops.mean, [input], input.dtype, arrange(planes, 1, 1), {
    outer: nhwc ? batch : batch * channels,
    n: height * width,
    inner: nhwc ? channels : 1,
  });
  return recording(input) ? record(globalRule, [input], output, [], { shape: input.shape, options }) : output;
}
