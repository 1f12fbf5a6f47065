import type { DType } from '../dtype';
import type { Tensor } from '../tensor';
import { convolve } from './conv2d';
import { overOneAxis } from './convKind';
import {
  biasGradient,
  type ChosenGradients,
  type ConvGradients,
  chosenGradients,
  inputGradient,
  weightGradient,
} from './convKindGradients';
import type { Conv1dOptions } from './convPlan';

/**
 * One-dimensional convolution (cross-correlation): y[n, k, o] = bias[k] + sum over c, r of x[n, c, o * stride - before +
 * r * dilation] * w[k, c, r], where padding reads as 0 and c runs over the channels of the filter's group.
 *
 * @param input float32 or float64, [N, C, W]; [N, W, C] with `layout: 'NWC'`.
 * @param weight Same dtype and device, [K, C/groups, R] in both layouts.
 * @param options `bias` [K]; `stride` (1); `padding` (0): a number, [before, after], 'same' (the output has ceil(W /
 *   stride) elements) or 'valid'; `dilation` (1), `groups` (1), `layout`, `algorithm` ('auto': the fastest for the
 *   problem), `activation` applied to the result.
 * @returns [N, K, OW] or [N, OW, K], OW = floor((W + before + after - dilation * (R - 1) - 1) / stride) + 1. N may be 0;
 *   a window that lies wholly in the padding gives the bias.
 * @throws As `conv2d`.
 */
export function conv1d<D extends DType>(
  input: Tensor<D>,
  weight: Tensor<NoInfer<D>>,
  options?: Conv1dOptions<NoInfer<D>>,
): Tensor<D> {
  return convolve('conv1d', overOneAxis, input, weight, options);
}

/** The forward op's options; its bias has no influence on the gradients of input and weight and is ignored. */
export type Conv1dDirectionOptions<D extends DType = 'float32'> = Omit<Conv1dOptions<D>, 'activation'>;

/** Options of `grad.conv1d`: the forward op's, and which gradients to compute (all if left out). */
export interface Conv1dGradientOptions<D extends DType = 'float32'>
  extends Conv1dDirectionOptions<D>,
    ChosenGradients {}

/**
 * Gradient of `conv1d` by its input: gx[n, c, i] = the sum of g[n, k, o] * w[k, c, r] over all outputs whose tap r read
 * that element. Elements that no window reaches get 0.
 *
 * @param inputShape Shape of the forward op's input.
 * @param weight The forward op's weight, float32 or float64, [K, C/groups, R].
 * @param gradOutput Gradient of the output, same dtype and device.
 * @param options The forward op's.
 * @throws ShapeError, DTypeError, DeviceError, ArgumentError, UnsupportedError, DisposedError.
 */
export function conv1dInputGradient<D extends DType>(
  inputShape: readonly number[],
  weight: Tensor<D>,
  gradOutput: Tensor<NoInfer<D>>,
  options?: Conv1dDirectionOptions<NoInfer<D>>,
): Tensor<D> {
  return inputGradient('grad.conv1dInput', overOneAxis, inputShape, weight, gradOutput, options);
}

/**
 * Gradient of `conv1d` by its weight: gw[k, c, r] = the sum of g[n, k, o] times the input under that tap, over all
 * lines and outputs, in an order that does not depend on the number of threads.
 *
 * @param input The forward op's input, float32 or float64.
 * @param weightShape Shape of the forward op's weight, [K, C/groups, R].
 * @param gradOutput Gradient of the output, same dtype and device.
 * @param options The forward op's.
 * @throws ShapeError, DTypeError, DeviceError, ArgumentError, UnsupportedError, DisposedError.
 */
export function conv1dWeightGradient<D extends DType>(
  input: Tensor<D>,
  weightShape: readonly number[],
  gradOutput: Tensor<NoInfer<D>>,
  options?: Conv1dDirectionOptions<NoInfer<D>>,
): Tensor<D> {
  return weightGradient('grad.conv1dWeight', overOneAxis, input, weightShape, gradOutput, options);
}

/**
 * Gradient of `conv1d` by its bias: the sum of g over lines and outputs, per filter.
 *
 * @param gradOutput Gradient of the output, float32 or float64, [N, K, OW]; [N, OW, K] with `layout: 'NWC'`.
 * @param options The forward op's; only the layout matters.
 * @returns [K].
 * @throws ShapeError, DTypeError, ArgumentError, DisposedError.
 */
export function conv1dBiasGradient<D extends DType>(
  gradOutput: Tensor<D>,
  options?: Conv1dDirectionOptions<NoInfer<D>>,
): Tensor<D> {
  return biasGradient('grad.conv1dBias', overOneAxis, gradOutput, options);
}

/**
 * Any subset of the gradients of `conv1d`; see `grad.conv1dInput`, `grad.conv1dWeight` and `grad.conv1dBias`.
 *
 * @param gradOutput Gradient of the output, float32 or float64.
 * @param input The forward op's input.
 * @param weight The forward op's weight.
 * @param options The forward op's; `inputGrad`, `weightGrad` and `biasGrad` (each true if left out) choose what is
 *   computed.
 * @returns The gradients, null where not asked for.
 * @throws ShapeError, DTypeError, DeviceError, ArgumentError, UnsupportedError, DisposedError.
 */
export function conv1dGradient<D extends DType>(
  gradOutput: Tensor<D>,
  input: Tensor<NoInfer<D>>,
  weight: Tensor<NoInfer<D>>,
  options?: Conv1dGradientOptions<NoInfer<D>>,
): ConvGradients<D> {
  return chosenGradients('grad.conv1d', overOneAxis, gradOutput, input, weight, options);
}
