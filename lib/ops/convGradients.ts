import type { DType } from '../dtype';
import type { Tensor } from '../tensor';
import { overTwoAxes } from './convKind';
import {
  biasGradient,
  type ChosenGradients,
  type ConvGradients,
  chosenGradients,
  inputGradient,
  weightGradient,
} from './convKindGradients';
import type { Conv2dOptions } from './convPlan';

/** The forward op's options; its bias has no influence on the gradients of input and weight and is ignored. */
export type ConvGradientOptions<D extends DType = 'float32'> = Omit<Conv2dOptions<D>, 'activation'>;

/** Options of `grad.conv2d`: the forward op's, and which gradients to compute (all if left out). */
export interface Conv2dGradientOptions<D extends DType = 'float32'> extends ConvGradientOptions<D>, ChosenGradients {}

/**
 * Gradient of `conv2d` by its input: gx[n, c, iy, ix] = the sum of g[n, k, oy, ox] * w[k, c, r, s] over all outputs
 * whose tap (r, s) read that element. Elements that no window reaches get 0.
 *
 * @param inputShape Shape of the forward op's input.
 * @param weight The forward op's weight, float32 or float64, [K, C/groups, R, S].
 * @param gradOutput Gradient of the output, same dtype and device.
 * @param options The forward op's.
 * @throws ShapeError, DTypeError, DeviceError, ArgumentError, UnsupportedError, DisposedError.
 */
export function conv2dInputGradient<D extends DType>(
  inputShape: readonly number[],
  weight: Tensor<D>,
  gradOutput: Tensor<NoInfer<D>>,
  options?: ConvGradientOptions<NoInfer<D>>,
): Tensor<D> {
  return inputGradient('grad.conv2dInput', overTwoAxes, inputShape, weight, gradOutput, options);
}

/**
 * Gradient of `conv2d` by its weight: gw[k, c, r, s] = the sum of g[n, k, oy, ox] times the input under that tap, over
 * all images and output pixels, in an order that does not depend on the number of threads.
 *
 * @param input The forward op's input, float32 or float64.
 * @param weightShape Shape of the forward op's weight, [K, C/groups, R, S].
 * @param gradOutput Gradient of the output, same dtype and device.
 * @param options The forward op's.
 * @throws ShapeError, DTypeError, DeviceError, ArgumentError, UnsupportedError, DisposedError.
 */
export function conv2dWeightGradient<D extends DType>(
  input: Tensor<D>,
  weightShape: readonly number[],
  gradOutput: Tensor<NoInfer<D>>,
  options?: ConvGradientOptions<NoInfer<D>>,
): Tensor<D> {
  return weightGradient('grad.conv2dWeight', overTwoAxes, input, weightShape, gradOutput, options);
}

/**
 * Gradient of `conv2d` by its bias: the sum of g over images and pixels, per filter.
 *
 * @param gradOutput Gradient of the output, float32 or float64, [N, K, OH, OW]; [N, OH, OW, K] with `layout: 'NHWC'`.
 * @param options The forward op's; only the layout matters.
 * @returns [K].
 * @throws ShapeError, DTypeError, ArgumentError, DisposedError.
 */
export function conv2dBiasGradient<D extends DType>(
  gradOutput: Tensor<D>,
  options?: ConvGradientOptions<NoInfer<D>>,
): Tensor<D> {
  return biasGradient('grad.conv2dBias', overTwoAxes, gradOutput, options);
}

/**
 * Any subset of the gradients of `conv2d`; see `grad.conv2dInput`, `grad.conv2dWeight` and `grad.conv2dBias`.
 *
 * @param gradOutput Gradient of the output, float32 or float64.
 * @param input The forward op's input.
 * @param weight The forward op's weight.
 * @param options The forward op's; `inputGrad`, `weightGrad` and `biasGrad` (each true if left out) choose what is
 *   computed.
 * @returns The gradients, null where not asked for.
 * @throws ShapeError, DTypeError, DeviceError, ArgumentError, UnsupportedError, DisposedError.
 */
export function conv2dGradient<D extends DType>(
  gradOutput: Tensor<D>,
  input: Tensor<NoInfer<D>>,
  weight: Tensor<NoInfer<D>>,
  options?: Conv2dGradientOptions<NoInfer<D>>,
): ConvGradients<D> {
  return chosenGradients('grad.conv2d', overTwoAxes, gradOutput, input, weight, options);
}
