import type { DType } from '../dtype';
import type { Tensor } from '../tensor';
import { avgPool, maxPool, maxPoolWithIndices } from './pool';
import { avgPoolGradient, maxPoolGradient } from './poolGradients';
import { type Layout1d, oneAxis } from './spatial';
import type { WindowOptions1d } from './window';

/** Options of max pooling along one axis. */
export interface Pool1dOptions extends WindowOptions1d {
  /** Extent of the window. */
  readonly kernelSize: number;
  /**
   * Round the output size up; the last window must still start inside the input or the leading padding. false if left
   * out.
   */
  readonly ceilMode?: boolean;
  /** Axes of input and output; `'NCW'` if left out. */
  readonly layout?: Layout1d;
}

/** Options of average pooling along one axis. */
export interface AvgPool1dOptions extends Pool1dOptions {
  /** Count padding, where a window covers it, in the divisor; true if left out. */
  readonly countIncludePad?: boolean;
}

/**
 * Largest element of each window; NaN if the window holds one. Padding never wins.
 *
 * @param input float32 or float64, [N, C, W]; [N, W, C] with `layout: 'NWC'`.
 * @param options `kernelSize`; `stride` (kernelSize), `padding` (0), `dilation` (1), `ceilMode` (false), `layout`.
 * @returns [N, C, OW] or [N, OW, C], OW = floor((W + before + after - dilation * (kernelSize - 1) - 1) / stride) + 1.
 * @throws ShapeError with the formula when the output size is not positive, or a window lies wholly in the padding;
 *   DTypeError, ArgumentError, DisposedError.
 */
export function maxPool1d<D extends DType>(input: Tensor<D>, options: Pool1dOptions): Tensor<D> {
  return maxPool('maxPool1d', input, options, oneAxis);
}

/**
 * As `maxPool1d`, with the position of each maximum, which the gradient needs.
 *
 * @returns `output`, and `indices`: int32, of the output's shape, the position along W. The first NaN wins, else the first
 *   of equal elements.
 * @throws As `maxPool1d`.
 */
export function maxPool1dWithIndices<D extends DType>(
  input: Tensor<D>,
  options: Pool1dOptions,
): { output: Tensor<D>; indices: Tensor<'int32'> } {
  return maxPoolWithIndices('maxPool1dWithIndices', input, options, oneAxis);
}

/**
 * Mean of each window. The divisor counts the window's taps within the padded input, or only those within the input with
 * `countIncludePad: false`.
 *
 * @param input float32 or float64, [N, C, W]; [N, W, C] with `layout: 'NWC'`.
 * @param options As `maxPool1d`, and `countIncludePad` (true).
 * @returns As `maxPool1d`.
 * @throws As `maxPool1d`.
 */
export function avgPool1d<D extends DType>(input: Tensor<D>, options: AvgPool1dOptions): Tensor<D> {
  return avgPool('avgPool1d', input, options, oneAxis);
}

/**
 * Gradient of `maxPool1d`: each input element gets the sum of g over the windows that chose it.
 *
 * @param gradOutput Gradient of the output, float32 or float64.
 * @param indices Of `maxPool1dWithIndices`, int32. Positions outside of the input are found while running: reading the
 *   result throws an IndexError.
 * @param inputShape Shape of the forward op's input.
 * @param options The forward op's.
 * @throws ShapeError, DTypeError, DeviceError, ArgumentError, DisposedError.
 */
export function maxPool1dGradient<D extends DType>(
  gradOutput: Tensor<D>,
  indices: Tensor<'int32'>,
  inputShape: readonly number[],
  options: Pool1dOptions,
): Tensor<D> {
  return maxPoolGradient('grad.maxPool1d', gradOutput, indices, inputShape, options, oneAxis);
}

/**
 * Gradient of `avgPool1d`: each input element gets the sum of g / divisor over the windows that cover it.
 *
 * @param gradOutput Gradient of the output, float32 or float64.
 * @param inputShape Shape of the forward op's input.
 * @param options The forward op's.
 * @throws ShapeError, DTypeError, ArgumentError, DisposedError.
 */
export function avgPool1dGradient<D extends DType>(
  gradOutput: Tensor<D>,
  inputShape: readonly number[],
  options: AvgPool1dOptions,
): Tensor<D> {
  return avgPoolGradient('grad.avgPool1d', gradOutput, inputShape, options, oneAxis);
}
