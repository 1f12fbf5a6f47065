import { expectOptions } from '../check';
import { bytesPerElement, type DType } from '../dtype';
import { ShapeError } from '../errors';
import { tidy } from '../scope';
import { checkedSize, type Shape, shapeText } from '../shape';
import { withRecording } from '../tape/mode';
import type { Tensor } from '../tensor';
import { add } from './binary';
import { expectBias } from './conv2d';
import { type ConvKind, planKind, runConvolution } from './convKind';
import {
  biasGradient,
  type ChosenGradients,
  type ConvGradients,
  chosenGradients,
  inputGradient,
  weightGradient,
} from './convKindGradients';
import { type ConvArguments, type ConvOptions, type ConvSizes, convOptions, expectGroups } from './convPlan';
import { recordConvolution } from './convRules';
import { expectFloatTensor, expectPartner } from './operands';
import { activationShape, activationsOf, expectActivations, expectExtents, expectLayout, twoAxes } from './spatial';
import { type PairOption, planTransposedWindow } from './window';

/** Options of `convTranspose2d`. */
export interface ConvTranspose2dOptions<D extends DType = 'float32'> extends ConvOptions {
  /** [K], added to each channel of the output. */
  readonly bias?: Tensor<D> | null;
  /** Rows and columns more at the bottom and right, smaller than the stride or the dilation; 0 if left out. */
  readonly outputPadding?: PairOption;
}

/** The sizes of the convolution whose gradient by its input the transposed one is. */
function transposedSizes(
  op: string,
  inputShape: Shape,
  weightShape: Shape,
  options: ConvArguments & { readonly outputPadding?: unknown },
): ConvSizes {
  const nhwc = expectLayout(op, options.layout);
  const groups = expectGroups(op, options.groups);
  expectActivations(op, 'input', inputShape, nhwc);
  expectExtents(op, 'weight', weightShape, 4, '[C, K/groups, R, S]', -1);
  const input = activationsOf(inputShape, nhwc);
  const { batch, channels: filters } = input;
  const [filtersOfWeight, channelsPerGroup, kernelH, kernelW] = weightShape;
  const context = () => `input ${shapeText(inputShape)}, weight ${shapeText(weightShape)}`;
  if (filters !== filtersOfWeight) {
    throw new ShapeError(
      `${op}: input ${shapeText(inputShape)} has ${filters} channels, weight ${shapeText(weightShape)} is for ` +
        `${filtersOfWeight}`,
    );
  }
  if (filters % groups !== 0) {
    throw new ShapeError(`${op}: groups ${groups} must divide the ${filters} channels of input (${context()})`);
  }
  const kernel = { h: kernelH, w: kernelW };
  const window = planTransposedWindow(op, { h: input.height, w: input.width }, kernel, options, context);
  const channels = channelsPerGroup * groups;
  const output = activationShape({ nhwc, batch, channels, height: window.h.input, width: window.w.input }, twoAxes);
  expectActivations(op, 'output', output, nhwc);
  // The roles of that convolution: what it reads is the output here.
  return { batch, channels, filters, groups, nhwc, window, inputShape: output, weightShape, outputShape: inputShape };
}

const kind: ConvKind = {
  name: 'convTranspose2d',
  forward: (input, weight, options) => convTranspose2d(input, weight, options),
  form: twoAxes,
  transposed: true,
  options: [...convOptions, 'bias', 'outputPadding'],
  sizes: transposedSizes,
};

/**
 * Transposed two-dimensional convolution, the gradient of `conv2d` by its input: each input element adds its multiple of
 * the filter to the output, y[n, k, iy * stride - top + r * dilation, ix * stride - left + s * dilation] += x[n, c, iy,
 * ix] * w[c, k, r, s], beginning with bias[k]; padding cuts the border of the output off. As PyTorch's.
 *
 * @param input float32 or float64, [N, C, H, W]; [N, H, W, C] with `layout: 'NHWC'`.
 * @param weight Same dtype and device, [C, K/groups, R, S] in both layouts.
 * @param options `bias` [K]; `stride` (1), `padding` (0), `outputPadding` (0), `dilation` (1), each for both axes or per
 *   axis; `groups` (1), `layout`, `algorithm` ('auto'), `workspaceLimit`. `padding: 'same'` gives H * stride rows and W *
 *   stride columns, as in TensorFlow: what a `conv2d` with the same options makes H x W of.
 * @returns [N, K, OH, OW] or [N, OH, OW, K], OH = (H - 1) * stride - top - bottom + dilation * (R - 1) + outputPadding + 1.
 *   N may be 0; elements that nothing is added to are the bias.
 * @throws ShapeError with the formula when an output size is not positive, and for shapes that do not fit each other;
 *   DTypeError, DeviceError, DisposedError, ArgumentError for a wrong option (an outputPadding that is neither smaller
 *   than the stride nor than the dilation), UnsupportedError for an algorithm that cannot compute this convolution.
 */
export function convTranspose2d<D extends DType>(
  input: Tensor<D>,
  weight: Tensor<NoInfer<D>>,
  options?: ConvTranspose2dOptions<NoInfer<D>>,
): Tensor<D> {
  const op = 'convTranspose2d';
  expectFloatTensor(op, 'input', input);
  expectFloatTensor(op, 'weight', weight);
  expectPartner(op, 'input', input, 'weight', weight);
  const given = expectOptions(op, options, kind.options as readonly (keyof ConvTranspose2dOptions<D>)[]);
  const sizes = transposedSizes(op, input.shape, weight.shape, given);
  const plan = planKind(kind, op, sizes, given, 'output', input);
  checkedSize(op, sizes.inputShape, bytesPerElement(input.dtype));
  const { bias } = given;
  if (bias !== undefined && bias !== null) expectBias(op, input, weight, bias, sizes.channels);
  const output = withRecording(false, () =>
    tidy(() => {
      const product = runConvolution(plan, [weight, input]);
      if (bias === undefined || bias === null) return product;
      const perChannel = sizes.nhwc ? bias : bias.reshape([sizes.channels, 1, 1]);
      return add(product, perChannel) as Tensor<DType> as Tensor<D>;
    }),
  );
  return recordConvolution(kind, { input, weight, bias }, output, given, undefined);
}

/** Options of `grad.convTranspose2d`: the forward op's, and which gradients to compute (all if left out). */
export interface ConvTranspose2dGradientOptions<D extends DType = 'float32'>
  extends ConvTranspose2dOptions<D>,
    ChosenGradients {}

/**
 * Gradient of `convTranspose2d` by its input: a convolution, gx[n, c, iy, ix] = the sum over k, r, s of g[n, k, iy *
 * stride - top + r * dilation, ix * stride - left + s * dilation] * w[c, k, r, s].
 *
 * @param inputShape Shape of the forward op's input.
 * @param weight The forward op's weight, float32 or float64, [C, K/groups, R, S].
 * @param gradOutput Gradient of the output, same dtype and device.
 * @param options The forward op's.
 * @throws ShapeError, DTypeError, DeviceError, ArgumentError, UnsupportedError, DisposedError.
 */
export function convTranspose2dInputGradient<D extends DType>(
  inputShape: readonly number[],
  weight: Tensor<D>,
  gradOutput: Tensor<NoInfer<D>>,
  options?: ConvTranspose2dOptions<NoInfer<D>>,
): Tensor<D> {
  return inputGradient('grad.convTranspose2dInput', kind, inputShape, weight, gradOutput, options);
}

/**
 * Gradient of `convTranspose2d` by its weight: gw[c, k, r, s] = the sum of x[n, c, iy, ix] times the output's gradient
 * under that tap, over all images and input pixels, in an order that does not depend on the number of threads.
 *
 * @param input The forward op's input, float32 or float64.
 * @param weightShape Shape of the forward op's weight, [C, K/groups, R, S].
 * @param gradOutput Gradient of the output, same dtype and device.
 * @param options The forward op's.
 * @throws ShapeError, DTypeError, DeviceError, ArgumentError, UnsupportedError, DisposedError.
 */
export function convTranspose2dWeightGradient<D extends DType>(
  input: Tensor<D>,
  weightShape: readonly number[],
  gradOutput: Tensor<NoInfer<D>>,
  options?: ConvTranspose2dOptions<NoInfer<D>>,
): Tensor<D> {
  return weightGradient('grad.convTranspose2dWeight', kind, input, weightShape, gradOutput, options);
}

/**
 * Gradient of `convTranspose2d` by its bias: the sum of g over images and pixels, per channel of the output.
 *
 * @param gradOutput Gradient of the output, float32 or float64, [N, K, OH, OW]; [N, OH, OW, K] with `layout: 'NHWC'`.
 * @param options The forward op's; only the layout matters.
 * @returns [K].
 * @throws ShapeError, DTypeError, ArgumentError, DisposedError.
 */
export function convTranspose2dBiasGradient<D extends DType>(
  gradOutput: Tensor<D>,
  options?: ConvTranspose2dOptions<NoInfer<D>>,
): Tensor<D> {
  return biasGradient('grad.convTranspose2dBias', kind, gradOutput, options);
}

/**
 * Any subset of the gradients of `convTranspose2d`; see `grad.convTranspose2dInput`, `grad.convTranspose2dWeight` and
 * `grad.convTranspose2dBias`.
 *
 * @param gradOutput Gradient of the output, float32 or float64.
 * @param input The forward op's input.
 * @param weight The forward op's weight.
 * @param options The forward op's; `inputGrad`, `weightGrad` and `biasGrad` (each true if left out) choose what is
 *   computed.
 * @returns The gradients, null where not asked for.
 * @throws ShapeError, DTypeError, DeviceError, ArgumentError, UnsupportedError, DisposedError.
 */
export function convTranspose2dGradient<D extends DType>(
  gradOutput: Tensor<D>,
  input: Tensor<NoInfer<D>>,
  weight: Tensor<NoInfer<D>>,
  options?: ConvTranspose2dGradientOptions<NoInfer<D>>,
): ConvGradients<D> {
  return chosenGradients('grad.convTranspose2d', kind, gradOutput, input, weight, options);
}
