import { expectBoolean, expectOptions, expectPair } from '../check';
import { type Attributes, opNumber, run1, run2 } from '../dispatch';
import type { DType } from '../dtype';
import { ShapeError } from '../errors';
import { type Shape, shapeText } from '../shape';
import { linear, type Rule, record, recording, rule } from '../tape/node';
import type { AnyTensor, Tensor } from '../tensor';
import { expectFloatTensor } from './operands';
import { adaptiveAvgPool2dGradient, avgPoolGradient, globalAvgPool2dGradient, maxPoolGradient } from './poolGradients';
import {
  type Activations,
  activationShape,
  activationsOf,
  expectActivations,
  expectLayout,
  expectSteps,
  type Form,
  type Layout,
  maxWindowNumber,
  oneAxis,
  twoAxes,
} from './spatial';
import {
  checkCoverage,
  type PairOption,
  planWindow,
  type WindowArguments,
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

/** The options of pooling over any number of axes, before they are checked. @internal */
export type PoolArguments = WindowArguments &
  Readonly<Partial<Record<'kernelSize' | 'layout' | 'countIncludePad', unknown>>>;

/** The extents of activations by name, checked against what pooling kernels can count. @internal */
export function expectPlanes(op: string, name: string, shape: Shape, layout: unknown, form = twoAxes): Activations {
  const nhwc = expectLayout(op, layout, form);
  expectActivations(op, name, shape, nhwc, form);
  const planes = activationsOf(shape, nhwc);
  const { height, width } = planes;
  // Positions within a plane are int32, here and in the indices of max pooling.
  if (height * width > maxWindowNumber) {
    throw new ShapeError(
      `${op}: ${name} ${shapeText(shape)} has planes of ${height}*${width} = ${height * width} elements, at most ` +
        `2^31 - 1 = ${maxWindowNumber} are supported`,
    );
  }
  return planes;
}

/** Checks the shape and options of a pooling op with a fixed window. @internal */
export function planPool(
  op: string,
  name: string,
  shape: Shape,
  options: PoolArguments,
  form: Form = twoAxes,
): PoolPlan {
  const planes = expectPlanes(op, name, shape, options.layout, form);
  const kernel = expectSteps(op, 'kernelSize', options.kernelSize, form);
  const kernelText = form.axes === 1 ? kernel.w : `[${kernel.h}, ${kernel.w}]`;
  const context = () => `${name} ${shapeText(shape)}, kernelSize ${kernelText}`;
  const window = planWindow(op, { h: planes.height, w: planes.width }, kernel, options, kernel, context, form);
  checkCoverage(op, window, context, form);
  const { countIncludePad: given = true } = options;
  const countIncludePad = expectBoolean(op, 'countIncludePad', given);
  const { nhwc, batch, channels } = planes;
  // Named one by one, not spread: see attributesOf in convPlan.ts.
  const { height, width, kernel: kernelSize, output, stride, padding, dilation } = windowAttributes(window);
  return {
    outputShape: activationShape({ nhwc, batch, channels, height: output[0], width: output[1] }, form),
    attributes: {
      batch,
      channels,
      height,
      width,
      kernel: kernelSize,
      output,
      stride,
      padding,
      dilation,
      nhwc,
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
    outputShape: activationShape({ ...planes, height: output.h, width: output.w }, twoAxes),
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

interface Pooled<O> {
  readonly shape: Shape;
  readonly options: O;
}

const maxRule = (op: string, form: Form): Rule<Pooled<PoolArguments>> =>
  rule(
    op,
    { keeps: 'indices', differentiable: true },
    ({ gradOutput, saved: [indices], state: { shape, options } }) => [
      maxPoolGradient(`grad.${op}`, gradOutput, indices as AnyTensor as Tensor<'int32'>, shape, options, form),
    ],
  );
const averageRule = (op: string, form: Form): Rule<Pooled<PoolArguments>> =>
  rule(op, linear, ({ gradOutput, state: { shape, options } }) => [
    avgPoolGradient(`grad.${op}`, gradOutput, shape, options, form),
  ]);

/** By number of axes. */
const maxRules = { 1: maxRule('maxPool1d', oneAxis), 2: maxRule('maxPool2d', twoAxes) };
const averageRules = { 1: averageRule('avgPool1d', oneAxis), 2: averageRule('avgPool2d', twoAxes) };
const adaptiveRule = rule<Pooled<LayoutOptions | undefined>>('adaptiveAvgPool2d', linear, ({ gradOutput, state }) => [
  adaptiveAvgPool2dGradient(gradOutput, state.shape, state.options),
]);
const globalRule = rule<Pooled<LayoutOptions | undefined>>('globalAvgPool2d', linear, ({ gradOutput, state }) => [
  globalAvgPool2dGradient(gradOutput, state.shape, state.options),
]);

/** Max pooling over the axes of `form`. @internal */
export function maxPool<D extends DType>(op: string, input: Tensor<D>, options: PoolArguments, form: Form): Tensor<D> {
  expectFloatTensor(op, 'input', input);
  const given = expectOptions(op, options, poolOptions);
  const { outputShape, attributes } = planPool(op, 'input', input.shape, given, form);
  if (!recording(input)) return run1(ops.max, [input], input.dtype, outputShape, attributes);
  const { output, indices } = withIndices(input, { outputShape, attributes }, options, form);
  indices.dispose(); // the tape has them
  return output;
}

/** @internal */
export function maxPoolWithIndices<D extends DType>(
  op: string,
  input: Tensor<D>,
  options: PoolArguments,
  form: Form,
): { output: Tensor<D>; indices: Tensor<'int32'> } {
  expectFloatTensor(op, 'input', input);
  const given = expectOptions(op, options, poolOptions);
  return withIndices(input, planPool(op, 'input', input.shape, given, form), options, form);
}

function withIndices<D extends DType>(
  input: Tensor<D>,
  { outputShape, attributes }: PoolPlan,
  options: PoolArguments,
  form: Form,
): { output: Tensor<D>; indices: Tensor<'int32'> } {
  const [output, indices] = run2(
    ops.maxWithIndices,
    [input],
    { dtype: input.dtype, shape: outputShape },
    { dtype: 'int32', shape: outputShape },
    attributes,
  );
  if (recording(input)) {
    record(maxRules[form.axes], [input], output, [indices], { shape: input.shape, options });
  }
  return { output, indices };
}

/** @internal */
export function avgPool<D extends DType>(op: string, input: Tensor<D>, options: PoolArguments, form: Form): Tensor<D> {
  expectFloatTensor(op, 'input', input);
  const given = expectOptions(op, options, avgPoolOptions);
  const { outputShape, attributes } = planPool(op, 'input', input.shape, given, form);
  const output = run1(ops.average, [input], input.dtype, outputShape, attributes);
  if (!recording(input)) return output;
  return record(averageRules[form.axes], [input], output, [], { shape: input.shape, options });
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
  return maxPool('maxPool2d', input, options, twoAxes);
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
  return maxPoolWithIndices('maxPool2dWithIndices', input, options, twoAxes);
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
  return avgPool('avgPool2d', input, options, twoAxes);
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
  const outputShape = activationShape({ ...planes, height: 1, width: 1 }, twoAxes);
  const output = run1(ops.mean, [input], input.dtype, outputShape, {
    outer: nhwc ? batch : batch * channels,
    n: height * width,
    inner: nhwc ? channels : 1,
  });
  return recording(input) ? record(globalRule, [input], output, [], { shape: input.shape, options }) : output;
}
