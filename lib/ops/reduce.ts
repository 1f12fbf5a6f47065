import { expectBoolean, expectDtype, expectFinite, expectOptions, expectTensor } from '../check';
import { opNumber, run1 } from '../dispatch';
import type { DType } from '../dtype';
import { ShapeError } from '../errors';
import { tidy } from '../scope';
import { expectAxes, type Shape, sameShape, shapeText } from '../shape';
import { withRecording } from '../tape/mode';
import { record, recording, rule } from '../tape/node';
import type { Tensor } from '../tensor';
import { reducedCount, reducedShape, reductionSteps } from './axes';
import { div, sub } from './binary';
import { repeatedAxes } from './broadcast';
import { expand, permute } from './copy';
import { expectFloatTensor, numberTypes } from './operands';
import { extremumGradient, meanGradient, sumGradient, sumSquaresGradient, varianceGradient } from './reduceGradients';
import { square } from './unary';

const ops = {
  sum: opNumber('sum'),
  sumSquares: opNumber('sumSquares'),
  mean: opNumber('mean'),
  max: opNumber('max'),
  min: opNumber('min'),
  argmax: opNumber('argmax'),
  argmin: opNumber('argmin'),
};

/** Which axes a reduction removes. */
export interface ReduceOptions {
  /** One axis or several distinct ones, negative ones counted from the end; all axes if left out. */
  readonly axis?: number | readonly number[];
  /** Keep the reduced axes with extent 1; false if left out. */
  readonly keepDims?: boolean;
}

/** Options of `variance`. */
export interface VarianceOptions extends ReduceOptions {
  /**
   * What is subtracted from the number of elements in the divisor: 1 (the default) for a sample, 0 for a population.
   */
  readonly correction?: number;
}

/** A reduction's options, checked. @internal */
export interface ReducePlan {
  /** Sorted, counted from the front. */
  readonly axes: readonly number[];
  readonly keepDims: boolean;
  readonly outputShape: Shape;
  /** Elements per result. */
  readonly count: number;
}

/** @internal */
export function planReduction(
  op: string,
  shape: Shape,
  options: VarianceOptions | undefined,
  allowed: readonly (keyof VarianceOptions)[] = ['axis', 'keepDims'],
): ReducePlan {
  const { axis, keepDims = false } = expectOptions(op, options, allowed);
  const axes = expectAxes(op, 'axis', axis, shape.length);
  expectBoolean(op, 'keepDims', keepDims);
  return { axes, keepDims, outputShape: reducedShape(shape, axes, keepDims), count: reducedCount(shape, axes) };
}

/** Reduces `axes` by `op`, one run of neighbouring axes after the other. */
function reduceAxes<D extends DType, R extends DType>(
  op: number,
  input: Tensor<D>,
  dtype: R,
  axes: readonly number[],
  outputShape: Shape,
): Tensor<R> {
  const steps = reductionSteps(input.shape, axes);
  if (steps.length === 1) return run1(op, [input], dtype, outputShape, steps[0]);
  return tidy(() => {
    let value = input as Tensor<DType>;
    for (const [i, step] of steps.entries()) {
      const last = i === steps.length - 1;
      const next = run1(op, [value], dtype, last ? outputShape : [step.outer * step.inner], step);
      if (value !== input) value.dispose();
      value = next;
    }
    return value as Tensor<R>;
  });
}

/**
 * The sum over the axes along which an operand of `shape` was broadcast to the shape of `gradient`; a new handle on the
 * same memory where there are none.
 *
 * @internal
 */
export function sumTo<D extends DType>(gradient: Tensor<D>, shape: Shape): Tensor<D> {
  if (sameShape(gradient.shape, shape)) return gradient.reshape(shape);
  const output = reduceAxes(ops.sum, gradient, gradient.dtype, repeatedAxes(shape, gradient.shape), shape);
  return recording(gradient) ? record(sumToRule, [gradient], output, [], gradient.shape) : output;
}

/** The type of a sum: integers and bool are added up as int32. */
export type SumDType<D extends DType> = D extends 'uint8' | 'bool' ? 'int32' : D;

/** The type of a mean: integers and bool are averaged as float32. */
export type MeanDType<D extends DType> = D extends 'float64' ? 'float64' : 'float32';

/** What the gradient of a sum or mean follows from. */
interface Reduced {
  readonly shape: Shape;
  readonly options: ReduceOptions | undefined;
}

const sumRule = rule<Reduced>('sum', { keeps: 'nothing', differentiable: true }, ({ gradOutput, state }) => [
  sumGradient(gradOutput, state.shape, state.options),
]);
const meanRule = rule<Reduced>('mean', { keeps: 'nothing', differentiable: true }, ({ gradOutput, state }) => [
  meanGradient(gradOutput, state.shape, state.options),
]);
const sumSquaresRule = rule(
  'sumSquares',
  { keeps: 'input', differentiable: true },
  ({ gradOutput, saved: [input] }) => [sumSquaresGradient(gradOutput, input)],
);
const sumToRule = rule<Shape>('grad.sumTo', { keeps: 'nothing', differentiable: true }, ({ gradOutput, state }) => [
  expand(gradOutput, state),
]);

const varianceRule = rule<VarianceOptions | undefined>(
  'variance',
  { keeps: 'input', differentiable: true },
  ({ gradOutput, saved: [input], state }) => [varianceGradient(gradOutput, input, state)],
);

const extremumRule = (name: 'max' | 'min') =>
  rule<ReduceOptions | undefined>(
    name,
    { keeps: 'input, output', differentiable: true },
    ({ gradOutput, saved: [input, output], state }) => [
      extremumGradient(`grad.${name}`, gradOutput, input, output, state),
    ],
  );
const extremumRules = { max: extremumRule('max'), min: extremumRule('min') };

const isFloatTensor = (input: Tensor<DType>): boolean => input.dtype === 'float32' || input.dtype === 'float64';

/**
 * Sum over axes; 0 where there are no elements.
 *
 * @param input Any dtype and shape.
 * @returns The remaining axes, in the input's float type, or int32 (which wraps) for int32, uint8 and bool.
 * @throws ShapeError for an axis out of range or named twice; ArgumentError, DisposedError.
 */
export function sum<D extends DType>(input: Tensor<D>, options?: ReduceOptions): Tensor<SumDType<D>> {
  expectTensor('sum', 'input', input);
  const { axes, outputShape } = planReduction('sum', input.shape, options);
  const dtype = (isFloatTensor(input) ? input.dtype : 'int32') as SumDType<D>;
  const output = reduceAxes(ops.sum, input, dtype, axes, outputShape);
  return recording(input) ? record(sumRule, [input], output, [], { shape: input.shape, options }) : output;
}

/**
 * Sum of the squares of all elements, accumulated as `sum` does it, without a tensor of squares; 0 where there are none.
 *
 * @param input float32 or float64, any shape.
 * @returns A scalar of the input's dtype.
 * @throws DTypeError for other types; ArgumentError, DisposedError.
 */
export function sumSquares<D extends DType>(input: Tensor<D>): Tensor<D> {
  expectFloatTensor('sumSquares', 'input', input);
  const output = run1(ops.sumSquares, [input], input.dtype, [], { outer: 1, n: input.size, inner: 1 });
  return recording(input) ? record(sumSquaresRule, [input], output, [input]) : output;
}

/**
 * Arithmetic mean over axes; NaN where there are no elements.
 *
 * @param input Any dtype and shape.
 * @returns The remaining axes, in float64 for float64, else in float32.
 * @throws ShapeError for an axis out of range or named twice; ArgumentError, DisposedError.
 */
export function mean<D extends DType>(input: Tensor<D>, options?: ReduceOptions): Tensor<MeanDType<D>> {
  expectTensor('mean', 'input', input);
  const { axes, outputShape, count } = planReduction('mean', input.shape, options);
  const dtype = (input.dtype === 'float64' ? 'float64' : 'float32') as MeanDType<D>;
  const output = average(input, dtype, axes, outputShape, count);
  return recording(input) ? record(meanRule, [input], output, [], { shape: input.shape, options }) : output;
}

function average<R extends DType>(
  input: Tensor<DType>,
  dtype: R,
  axes: readonly number[],
  outputShape: Shape,
  count: number,
): Tensor<R> {
  const steps = reductionSteps(input.shape, axes);
  if (isFloatTensor(input) && steps.length === 1) return run1(ops.mean, [input], dtype, outputShape, steps[0]);
  return tidy(() => {
    const values = isFloatTensor(input) ? input : input.cast(dtype);
    if (steps.length === 1) return run1(ops.mean, [values], dtype, outputShape, steps[0]);
    // Sums first and one division last: a mean of means would round once more.
    return div(reduceAxes(ops.sum, values as Tensor<DType>, dtype, axes, outputShape), count) as Tensor<R>;
  });
}

function expectElements(op: string, shape: Shape, { axes, count }: ReducePlan): void {
  if (count > 0) return;
  const empty = axes.filter((axis) => shape[axis] === 0);
  throw new ShapeError(
    `${op}: input ${shapeText(shape)} has no elements along axis ${empty.join(', ')}, and no elements have no extremum`,
  );
}

function extremum<D extends DType>(name: 'max' | 'min', input: Tensor<D>, options?: ReduceOptions): Tensor<D> {
  expectTensor(name, 'input', input);
  expectDtype(name, 'input', input, numberTypes);
  const plan = planReduction(name, input.shape, options);
  expectElements(name, input.shape, plan);
  const output = reduceAxes(ops[name], input, input.dtype, plan.axes, plan.outputShape);
  return recording(input) ? record(extremumRules[name], [input], output, [input, output], options) : output;
}

/**
 * Largest element over axes; NaN if there is one.
 *
 * @param input float32, float64, int32 or uint8, any shape.
 * @returns The remaining axes, in the input's dtype.
 * @throws ShapeError when there are no elements to choose from, or for a wrong axis; DTypeError for bool;
 *   ArgumentError, DisposedError.
 */
export function max<D extends DType>(input: Tensor<D>, options?: ReduceOptions): Tensor<D> {
  return extremum('max', input, options);
}

/** Smallest element over axes; NaN if there is one. See `max` for dtypes, results and errors. */
export function min<D extends DType>(input: Tensor<D>, options?: ReduceOptions): Tensor<D> {
  return extremum('min', input, options);
}

/** The kernels add a tile's width to a position before they compare it. */
const maxPositions = 2 ** 31 - 66;

function position(name: 'argmax' | 'argmin', input: Tensor<DType>, options?: ReduceOptions): Tensor<'int32'> {
  expectTensor(name, 'input', input);
  expectDtype(name, 'input', input, numberTypes);
  const { shape } = input;
  const plan = planReduction(name, shape, options);
  expectElements(name, shape, plan);
  if (plan.count > maxPositions) {
    throw new ShapeError(
      `${name}: input ${shapeText(shape)} has ${plan.count} elements per result, positions are int32 and count at ` +
        `most 2^31 - 66 = ${maxPositions}`,
    );
  }
  const steps = reductionSteps(shape, plan.axes);
  if (steps.length === 1) return run1(ops[name], [input], 'int32', plan.outputShape, steps[0]);
  // Positions count through all reduced axes in row-major order, so these have to be neighbours first.
  return tidy(() => {
    const kept = shape.map((_, axis) => axis).filter((axis) => !plan.axes.includes(axis));
    const line = { outer: reducedCount(shape, kept), n: plan.count, inner: 1 };
    return run1(ops[name], [permute(input, [...kept, ...plan.axes])], 'int32', plan.outputShape, line);
  });
}

/**
 * Position of the largest element over axes: the first of equals, or the first NaN. With several axes (or all) it
 * counts through them in row-major order.
 *
 * @param input float32, float64, int32 or uint8, any shape.
 * @returns int32, the remaining axes.
 * @throws ShapeError when there are no elements, or more than 2^31 - 66, or for a wrong axis; DTypeError for bool;
 *   ArgumentError, DisposedError.
 */
export function argmax(input: Tensor<DType>, options?: ReduceOptions): Tensor<'int32'> {
  return position('argmax', input, options);
}

/** Position of the smallest element over axes: the first of equals, or the first NaN. See `argmax`. */
export function argmin(input: Tensor<DType>, options?: ReduceOptions): Tensor<'int32'> {
  return position('argmin', input, options);
}

const varianceOptions = ['axis', 'keepDims', 'correction'] as const;

/** Elements less the correction, not below 0: too few elements give 0/0 or x/0, as in PyTorch. @internal */
export function varianceDivisor(op: string, count: number, options: VarianceOptions | undefined): number {
  const correction = options?.correction;
  return Math.max(count - (correction === undefined ? 1 : expectFinite(op, 'correction', correction, 0)), 0);
}

/**
 * Variance over axes: sum (x - mean)^2 / (n - correction), n elements per result, computed in two passes.
 *
 * @param input float32 or float64, any shape.
 * @returns The remaining axes, in the input's dtype; NaN where n - correction is not positive and all terms are 0 (one
 *   element).
 * @throws ShapeError for a wrong axis; DTypeError for other types; ArgumentError, DisposedError.
 */
export function variance<D extends DType>(input: Tensor<D>, options?: VarianceOptions): Tensor<D> {
  expectFloatTensor('variance', 'input', input);
  const { axes, count, outputShape } = planReduction('variance', input.shape, options, varianceOptions);
  const divisor = varianceDivisor('variance', count, options);
  // Recorded as one op: what lies between is of no use to its gradient.
  const output = withRecording(false, () =>
    tidy(() => {
      const squares = square(deviations(input, axes));
      return div(reduceAxes(ops.sum, squares, input.dtype, axes, outputShape), divisor) as Tensor<DType> as Tensor<D>;
    }),
  );
  return recording(input) ? record(varianceRule, [input], output, [input], options) : output;
}

/** x - mean(x), the mean taken over `axes`. @internal */
export function deviations<D extends DType>(input: Tensor<D>, axes: readonly number[]): Tensor<D> {
  return sub(input, mean(input, { axis: axes, keepDims: true }) as Tensor<DType> as Tensor<D>);
}
