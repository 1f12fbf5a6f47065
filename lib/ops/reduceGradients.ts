import { expectSameShape } from '../check';
import { bytesPerElement, type DType } from '../dtype';
import { tidy } from '../scope';
import { checkedSize, expectShape, type Shape } from '../shape';
import type { Tensor } from '../tensor';
import { reducedShape } from './axes';
import { div, equal, mul } from './binary';
import { expand } from './copy';
import { expectFloatTensor, expectGradientShape, expectPartner } from './operands';
import {
  deviations,
  planReduction,
  type ReduceOptions,
  type ReducePlan,
  sum,
  type VarianceOptions,
  varianceDivisor,
} from './reduce';
import { where } from './where';

/** `tensor`, of the reduction's output shape, with the reduced axes kept, so that it broadcasts to the input. */
function withAxes<D extends DType>(tensor: Tensor<D>, shape: Shape, { axes }: ReducePlan): Tensor<D> {
  return tensor.reshape(reducedShape(shape, axes, true));
}

/**
 * Gradient of `sum`: g repeated along the reduced axes.
 *
 * @param gradOutput Gradient of the output, float32 or float64.
 * @param inputShape Shape of the forward op's input.
 * @param options The forward op's.
 * @throws ShapeError when g has not the shape of that sum; DTypeError, ArgumentError, DisposedError.
 */
export function sumGradient<D extends DType>(
  gradOutput: Tensor<D>,
  inputShape: readonly number[],
  options?: ReduceOptions,
): Tensor<D> {
  expectFloatTensor('grad.sum', 'gradOutput', gradOutput);
  const shape = expectShape('grad.sum', 'inputShape', inputShape);
  const plan = planReduction('grad.sum', shape, options);
  expectGradientShape('grad.sum', gradOutput, plan.outputShape, 'as the sum');
  checkedSize('grad.sum', shape, bytesPerElement(gradOutput.dtype));
  return tidy(() => expand(withAxes(gradOutput, shape, plan), shape));
}

/**
 * Gradient of `sumSquares`: 2 g x.
 *
 * @param gradOutput Gradient of the output, a scalar of float32 or float64.
 * @param input The forward op's input, same dtype and device.
 * @throws ShapeError when g is no scalar; DTypeError, DeviceError, ArgumentError, DisposedError.
 */
export function sumSquaresGradient<D extends DType>(gradOutput: Tensor<D>, input: Tensor<NoInfer<D>>): Tensor<D> {
  expectGradientShape('grad.sumSquares', gradOutput, [], 'as the sum');
  expectPartner('grad.sumSquares', 'gradOutput', gradOutput, 'input', input);
  return tidy(() => mul(input as Tensor<D>, mul(gradOutput, 2)) as Tensor<D>);
}

/**
 * Gradient of `mean`: g / n repeated along the reduced axes, n elements per mean. Arguments and errors as `grad.sum`.
 */
export function meanGradient<D extends DType>(
  gradOutput: Tensor<D>,
  inputShape: readonly number[],
  options?: ReduceOptions,
): Tensor<D> {
  expectFloatTensor('grad.mean', 'gradOutput', gradOutput);
  const shape = expectShape('grad.mean', 'inputShape', inputShape);
  const plan = planReduction('grad.mean', shape, options);
  expectGradientShape('grad.mean', gradOutput, plan.outputShape, 'as the mean');
  checkedSize('grad.mean', shape, bytesPerElement(gradOutput.dtype));
  return tidy(() => expand(withAxes(div(gradOutput, plan.count) as Tensor<D>, shape, plan), shape));
}

/** @internal */
export function extremumGradient<D extends DType>(
  op: string,
  gradOutput: Tensor<D>,
  input: Tensor<D>,
  output: Tensor<D>,
  options: ReduceOptions | undefined,
): Tensor<D> {
  expectFloatTensor(op, 'gradOutput', gradOutput);
  expectPartner(op, 'gradOutput', gradOutput, 'input', input);
  expectPartner(op, 'gradOutput', gradOutput, 'output', output);
  const { shape, dtype } = input;
  const plan = planReduction(op, shape, options);
  expectGradientShape(op, gradOutput, plan.outputShape, 'as the extremum');
  expectSameShape(op, 'output', output, plan.outputShape, 'as the extremum');
  return tidy(() => {
    const chosen = equal(input, withAxes(output, shape, plan));
    const ties = sum(chosen, { axis: plan.axes, keepDims: true }).cast(dtype);
    return where(chosen, div(withAxes(gradOutput, shape, plan), ties) as Tensor<D>, 0);
  });
}

/**
 * Gradient of `max`: g at the largest element, in equal parts where several are the largest (as `torch.amax`); 0
 * elsewhere, and everywhere where the maximum is NaN.
 *
 * @param gradOutput Gradient of the output, float32 or float64.
 * @param input The forward op's input.
 * @param output Its output.
 * @param options Its options.
 * @throws ShapeError, DTypeError, DeviceError, ArgumentError, DisposedError.
 */
export function maxGradient<D extends DType>(
  gradOutput: Tensor<D>,
  input: Tensor<NoInfer<D>>,
  output: Tensor<NoInfer<D>>,
  options?: ReduceOptions,
): Tensor<D> {
  return extremumGradient('grad.max', gradOutput, input, output, options);
}

/** Gradient of `min`: g at the smallest element, in equal parts among equals; 0 elsewhere. Arguments as `grad.max`. */
export function minGradient<D extends DType>(
  gradOutput: Tensor<D>,
  input: Tensor<NoInfer<D>>,
  output: Tensor<NoInfer<D>>,
  options?: ReduceOptions,
): Tensor<D> {
  return extremumGradient('grad.min', gradOutput, input, output, options);
}

/**
 * Gradient of `variance`: g * 2 (x - mean) / (n - correction).
 *
 * @param gradOutput Gradient of the output, float32 or float64.
 * @param input The forward op's input.
 * @param options The forward op's.
 * @throws ShapeError, DTypeError, DeviceError, ArgumentError, DisposedError.
 */
export function varianceGradient<D extends DType>(
  gradOutput: Tensor<D>,
  input: Tensor<NoInfer<D>>,
  options?: VarianceOptions,
): Tensor<D> {
  const op = 'grad.variance';
  expectFloatTensor(op, 'gradOutput', gradOutput);
  expectPartner(op, 'gradOutput', gradOutput, 'input', input);
  const plan = planReduction(op, input.shape, options, ['axis', 'keepDims', 'correction']);
  expectGradientShape(op, gradOutput, plan.outputShape, 'as the variance');
  const divisor = varianceDivisor(op, plan.count, options);
  return tidy(() => {
    const share = div(mul(gradOutput, 2), divisor) as Tensor<D>;
    return mul(deviations(input, plan.axes), withAxes(share, input.shape, plan));
  });
}
