import { opNumber, run1 } from '../dispatch';
import type { DType } from '../dtype';
import { expectAxis } from '../shape';
import { type Rule, record, recording, rule } from '../tape/node';
import type { AnyTensor, Tensor } from '../tensor';
import { lineAlong } from './axes';
import { mul, sub } from './binary';
import { expectFloatTensor, expectGradientOf } from './operands';
import { sum } from './reduce';
import { exp } from './unary';

const ops = {
  softmax: opNumber('softmax'),
  logSoftmax: opNumber('logSoftmax'),
  softmaxGrad: opNumber('softmaxGrad'),
  logSoftmaxGrad: opNumber('logSoftmaxGrad'),
};

type Name = 'softmax' | 'logSoftmax';

const along = (name: Name): Rule<number> =>
  rule<number>(name, { keeps: 'output', differentiable: true }, ({ gradOutput, saved: [output], state }) => [
    backward(name, gradOutput, output, state),
  ]);

const rules: Readonly<Record<Name, Rule<number>>> = { softmax: along('softmax'), logSoftmax: along('logSoftmax') };

/** The gradients in terms of other ops, for gradients of gradients. */
const formulas: Readonly<Record<Name, (g: AnyTensor, y: AnyTensor, axis: number) => AnyTensor>> = {
  softmax: (g, y, axis) => mul(y, sub(g, sum(mul(g, y), { axis, keepDims: true }))),
  logSoftmax: (g, y, axis) => sub(g, mul(exp(y), sum(g, { axis, keepDims: true }))),
};

function forward<D extends DType>(name: Name, input: Tensor<D>, axis: number): Tensor<D> {
  expectFloatTensor(name, 'input', input);
  const line = lineAlong(input.shape, expectAxis(name, 'axis', axis, input.shape.length));
  const output = run1(ops[name], [input], input.dtype, input.shape, line);
  return recording(input) ? record(rules[name], [input], output, [output], axis) : output;
}

function backward<D extends DType>(name: Name, gradOutput: Tensor<D>, output: Tensor<D>, axis: number): Tensor<D> {
  const op = `grad.${name}`;
  expectGradientOf(op, gradOutput, 'output', output);
  const { shape, dtype } = gradOutput;
  const line = lineAlong(shape, expectAxis(op, 'axis', axis, shape.length));
  if (recording(gradOutput, output)) return formulas[name](gradOutput, output, axis) as AnyTensor as Tensor<D>;
  return run1(ops[`${name}Grad`], [gradOutput, output], dtype, shape, line);
}

/**
 * y_k = exp(x_k) / sum_j exp(x_j) along an axis: positive numbers that add up to 1. The largest x is subtracted first,
 * so nothing overflows.
 *
 * @param input float32 or float64, rank 1 or more.
 * @param axis Negative counts from the end; the last axis if left out.
 * @returns A new tensor of the same shape and dtype.
 * @throws ShapeError for a scalar or an axis out of range; DTypeError, ArgumentError, DisposedError.
 */
export function softmax<D extends DType>(input: Tensor<D>, axis = -1): Tensor<D> {
  return forward('softmax', input, axis);
}

/**
 * ln softmax(x) along an axis, computed as x_k - max x - ln sum_j exp(x_j - max x). Arguments and errors as `softmax`.
 */
export function logSoftmax<D extends DType>(input: Tensor<D>, axis = -1): Tensor<D> {
  return forward('logSoftmax', input, axis);
}

/**
 * Gradient of `softmax`: y_k * (g_k - sum_j g_j y_j).
 *
 * @param gradOutput Gradient of the output, float32 or float64.
 * @param output The forward op's output.
 * @param axis Its axis.
 * @throws ShapeError, DTypeError, DeviceError, ArgumentError, DisposedError.
 */
export function softmaxGradient<D extends DType>(
  gradOutput: Tensor<D>,
  output: Tensor<NoInfer<D>>,
  axis = -1,
): Tensor<D> {
  return backward('softmax', gradOutput, output, axis);
}

/** Gradient of `logSoftmax`: g_k - exp(y_k) * sum_j g_j. Arguments and errors as `grad.softmax`. */
export function logSoftmaxGradient<D extends DType>(
  gradOutput: Tensor<D>,
  output: Tensor<NoInfer<D>>,
  axis = -1,
): Tensor<D> {
  return backward('logSoftmax', gradOutput, output, axis);
}
