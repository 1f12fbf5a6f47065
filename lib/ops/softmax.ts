import { opNumber, run1 } from '../dispatch';
import type { DType } from '../dtype';
import { expectAxis } from '../shape';
import type { Tensor } from '../tensor';
import { lineAlong } from './axes';
import { expectFloatTensor, expectGradientOf } from './operands';

const ops = {
  softmax: opNumber('softmax'),
  logSoftmax: opNumber('logSoftmax'),
  softmaxGrad: opNumber('softmaxGrad'),
  logSoftmaxGrad: opNumber('logSoftmaxGrad'),
};

function forward<D extends DType>(name: 'softmax' | 'logSoftmax', input: Tensor<D>, axis: number): Tensor<D> {
  expectFloatTensor(name, 'input', input);
  const line = lineAlong(input.shape, expectAxis(name, 'axis', axis, input.shape.length));
  return run1(ops[name], [input], input.dtype, input.shape, line);
}

function backward<D extends DType>(
  name: 'softmax' | 'logSoftmax',
  gradOutput: Tensor<D>,
  output: Tensor<D>,
  axis: number,
): Tensor<D> {
  const op = `grad.${name}`;
  expectGradientOf(op, gradOutput, 'output', output);
  const { shape, dtype } = gradOutput;
  const line = lineAlong(shape, expectAxis(op, 'axis', axis, shape.length));
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
