import { expectDtype, expectNumber, expectTensor } from '../check';
import type { DType } from '../dtype';
import { ArgumentError } from '../errors';
import { record, recording, rule } from '../tape/node';
import type { Tensor } from '../tensor';
import { div, mul } from './binary';
import { expectGradientOf, expectScalar, integerRange, numberTypes } from './operands';
import { pointwise, pointwiseGradient, run, runGradient } from './pointwise';

const gradients = {
  abs: pointwiseGradient('abs', 'input', 'piecewise linear'),
  clamp: pointwiseGradient('clamp', 'input', 'piecewise linear'),
  square: pointwiseGradient('square', 'input', (g, x) => mul(g, mul(x, 2))),
  log: pointwiseGradient('log', 'input', (g, x) => div(g, x)),
  exp: pointwiseGradient('exp', 'output', (g, y) => mul(g, y)),
  sqrt: pointwiseGradient('sqrt', 'output', (g, y) => div(g, mul(y, 2))),
  rsqrt: pointwiseGradient('rsqrt', 'output', (g, y) => mul(mul(g, mul(y, mul(y, y))), -0.5)),
  reciprocal: pointwiseGradient('reciprocal', 'output', (g, y) => mul(mul(g, mul(y, y)), -1)),
};

const rows = {
  neg: pointwise('neg', undefined, ['float32', 'float64', 'int32']),
  abs: pointwise('abs', gradients.abs, numberTypes),
  sign: pointwise('sign', undefined, numberTypes),
  square: pointwise('square', gradients.square, numberTypes),
  clamp: pointwise('clamp', gradients.clamp, numberTypes),
  exp: pointwise('exp', gradients.exp),
  log: pointwise('log', gradients.log),
  sqrt: pointwise('sqrt', gradients.sqrt),
  rsqrt: pointwise('rsqrt', gradients.rsqrt),
  reciprocal: pointwise('reciprocal', gradients.reciprocal),
  floor: pointwise('floor'),
  ceil: pointwise('ceil'),
  round: pointwise('round'),
  logicalNot: pointwise('logicalNot', undefined, ['bool']),
};

const negRule = rule('neg', { keeps: 'nothing', differentiable: true }, ({ gradOutput }) => [neg(gradOutput)]);

/**
 * -x, per element.
 *
 * @param input float32, float64 or int32 (the smallest stays as it is), any shape.
 * @returns A new tensor of the same shape and dtype.
 * @throws DTypeError for uint8 and bool; DisposedError.
 */
export function neg<D extends DType>(input: Tensor<D>): Tensor<D> {
  const output = run(rows.neg, input);
  return recording(input) ? record(negRule, [input], output) : output;
}

/**
 * |x|, per element. The smallest int32 stays as it is.
 *
 * @param input float32, float64, int32 or uint8, any shape.
 * @throws DTypeError for bool; DisposedError.
 */
export function abs<D extends DType>(input: Tensor<D>): Tensor<D> {
  return run(rows.abs, input);
}

/**
 * 1 for positive elements, -1 for negative ones, 0 for zeros; NaN stays NaN.
 *
 * @param input float32, float64, int32 or uint8, any shape.
 * @throws DTypeError for bool; DisposedError.
 */
export function sign<D extends DType>(input: Tensor<D>): Tensor<D> {
  return run(rows.sign, input);
}

/**
 * x * x, per element; integers wrap.
 *
 * @param input float32, float64, int32 or uint8, any shape.
 * @throws DTypeError for bool; DisposedError.
 */
export function square<D extends DType>(input: Tensor<D>): Tensor<D> {
  return run(rows.square, input);
}

/**
 * e^x, per element.
 *
 * @param input float32 or float64, any shape.
 * @throws DTypeError for other types; DisposedError.
 */
export function exp<D extends DType>(input: Tensor<D>): Tensor<D> {
  return run(rows.exp, input);
}

/**
 * Natural logarithm, per element: -Infinity for 0, NaN for negative elements.
 *
 * @param input float32 or float64, any shape.
 * @throws DTypeError for other types; DisposedError.
 */
export function log<D extends DType>(input: Tensor<D>): Tensor<D> {
  return run(rows.log, input);
}

/**
 * Square root, per element, correctly rounded; NaN for negative elements.
 *
 * @param input float32 or float64, any shape.
 * @throws DTypeError for other types; DisposedError.
 */
export function sqrt<D extends DType>(input: Tensor<D>): Tensor<D> {
  return run(rows.sqrt, input);
}

/**
 * 1 / sqrt(x), per element: Infinity for 0, NaN for negative elements.
 *
 * @param input float32 or float64, any shape.
 * @throws DTypeError for other types; DisposedError.
 */
export function rsqrt<D extends DType>(input: Tensor<D>): Tensor<D> {
  return run(rows.rsqrt, input);
}

/**
 * 1 / x, per element: an infinity of the same sign for a zero.
 *
 * @param input float32 or float64, any shape.
 * @throws DTypeError for other types; DisposedError.
 */
export function reciprocal<D extends DType>(input: Tensor<D>): Tensor<D> {
  return run(rows.reciprocal, input);
}

/**
 * Largest integer <= x, per element.
 *
 * @param input float32 or float64, any shape.
 * @throws DTypeError for other types; DisposedError.
 */
export function floor<D extends DType>(input: Tensor<D>): Tensor<D> {
  return run(rows.floor, input);
}

/**
 * Smallest integer >= x, per element.
 *
 * @param input float32 or float64, any shape.
 * @throws DTypeError for other types; DisposedError.
 */
export function ceil<D extends DType>(input: Tensor<D>): Tensor<D> {
  return run(rows.ceil, input);
}

/**
 * Nearest integer, halves to the even one (as IEEE 754, NumPy and PyTorch round), per element.
 *
 * @param input float32 or float64, any shape.
 * @throws DTypeError for other types; DisposedError.
 */
export function round<D extends DType>(input: Tensor<D>): Tensor<D> {
  return run(rows.round, input);
}

/**
 * True where the element is false.
 *
 * @param input bool, any shape.
 * @throws DTypeError for other types; DisposedError.
 */
export function logicalNot(input: Tensor<'bool'>): Tensor<'bool'> {
  return run(rows.logicalNot, input);
}

function bounds(op: string, dtype: DType, low: unknown, high: unknown): { low: number; high: number } {
  const least = expectNumber(op, 'low', low);
  const largest = expectNumber(op, 'high', high);
  if (Number.isNaN(least) || Number.isNaN(largest)) {
    throw new ArgumentError(`${op}: low and high must not be NaN, given low ${least} and high ${largest}`);
  }
  const range = integerRange(dtype);
  // An infinite bound bounds nothing, which integers can express too.
  return {
    low: range !== undefined && least === -Infinity ? range[0] : expectScalar(op, 'low', least, dtype),
    high: range !== undefined && largest === Infinity ? range[1] : expectScalar(op, 'high', largest, dtype),
  };
}

/**
 * min(max(x, low), high), per element, so `high` where low > high; NaN stays NaN.
 *
 * @param input float32, float64, int32 or uint8, any shape.
 * @param low Smallest value of the result; -Infinity for no lower bound.
 * @param high Largest value of the result; Infinity for no upper bound.
 * @throws ArgumentError when a bound is NaN; DTypeError for bool, or when an integer type cannot hold a bound;
 *   DisposedError.
 */
export function clamp<D extends DType>(input: Tensor<D>, low: number, high: number): Tensor<D> {
  expectTensor('clamp', 'input', input);
  expectDtype('clamp', 'input', input, numberTypes);
  return run(rows.clamp, input, bounds('clamp', input.dtype, low, high));
}

/**
 * Gradient of `neg`: -g.
 *
 * @param gradOutput Gradient of the output, float32 or float64.
 * @param input The forward op's input; only its shape and type are looked at, and it may be left out.
 */
export function negGradient<D extends DType>(gradOutput: Tensor<D>, input?: Tensor<NoInfer<D>>): Tensor<D> {
  expectGradientOf('grad.neg', gradOutput, input === undefined ? 'gradOutput' : 'input', input ?? gradOutput);
  return neg(gradOutput);
}

/** Gradient of `abs`: g * sign(x), 0 at 0. Takes the forward op's input. */
export function absGradient<D extends DType>(gradOutput: Tensor<D>, input: Tensor<NoInfer<D>>): Tensor<D> {
  return runGradient(gradients.abs, gradOutput, input);
}

/** Gradient of `square`: g * 2x. Takes the forward op's input. */
export function squareGradient<D extends DType>(gradOutput: Tensor<D>, input: Tensor<NoInfer<D>>): Tensor<D> {
  return runGradient(gradients.square, gradOutput, input);
}

/** Gradient of `log`: g / x. Takes the forward op's input. */
export function logGradient<D extends DType>(gradOutput: Tensor<D>, input: Tensor<NoInfer<D>>): Tensor<D> {
  return runGradient(gradients.log, gradOutput, input);
}

/** Gradient of `exp`: g * y. Takes the forward op's output. */
export function expGradient<D extends DType>(gradOutput: Tensor<D>, output: Tensor<NoInfer<D>>): Tensor<D> {
  return runGradient(gradients.exp, gradOutput, output);
}

/** Gradient of `sqrt`: g / (2y). Takes the forward op's output. */
export function sqrtGradient<D extends DType>(gradOutput: Tensor<D>, output: Tensor<NoInfer<D>>): Tensor<D> {
  return runGradient(gradients.sqrt, gradOutput, output);
}

/** Gradient of `rsqrt`: -g * y^3 / 2. Takes the forward op's output. */
export function rsqrtGradient<D extends DType>(gradOutput: Tensor<D>, output: Tensor<NoInfer<D>>): Tensor<D> {
  return runGradient(gradients.rsqrt, gradOutput, output);
}

/** Gradient of `reciprocal`: -g * y^2. Takes the forward op's output. */
export function reciprocalGradient<D extends DType>(gradOutput: Tensor<D>, output: Tensor<NoInfer<D>>): Tensor<D> {
  return runGradient(gradients.reciprocal, gradOutput, output);
}

/**
 * Gradient of `clamp`: g where low <= x <= high, 0 elsewhere (at the bounds PyTorch's choice). Takes the forward op's
 * input and bounds.
 */
export function clampGradient<D extends DType>(
  gradOutput: Tensor<D>,
  input: Tensor<NoInfer<D>>,
  low: number,
  high: number,
): Tensor<D> {
  return runGradient(gradients.clamp, gradOutput, input, bounds('grad.clamp', 'float32', low, high));
}
