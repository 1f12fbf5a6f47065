import { expectOneOf, expectOptions } from '../check';
import { bytesPerElement, type DType } from '../dtype';
import { ShapeError } from '../errors';
import { checkedSize, shapeText } from '../shape';
import type { AnyTensor, Tensor } from '../tensor';
import { activationNames, applyUnfused, fusedActivations } from './convActivation';
import { type ConvKind, overTwoAxes, planKind, runConvolution } from './convKind';
import type { Conv2dOptions, ConvArguments, ConvOutputOptions } from './convPlan';
import { type FusedActivation, recordConvolution } from './convRules';
import { expectFloatTensor, expectPartner } from './operands';

/** A bias [filters] that goes with input and weight. @internal */
export function expectBias(
  op: string,
  input: AnyTensor,
  weight: AnyTensor,
  bias: unknown,
  filters: number,
): asserts bias is AnyTensor {
  expectFloatTensor(op, 'bias', bias);
  expectPartner(op, 'input', input, 'bias', bias);
  if (bias.shape.length !== 1 || bias.shape[0] !== filters) {
    throw new ShapeError(
      `${op}: bias must have shape [${filters}], one number per filter of weight ${shapeText(weight.shape)}, given ` +
        shapeText(bias.shape),
    );
  }
}

/** A convolution that is not transposed. @internal */
export function convolve<D extends DType>(
  op: string,
  kind: ConvKind,
  input: Tensor<D>,
  weight: Tensor<D>,
  options: (ConvArguments & ConvOutputOptions<D>) | undefined,
): Tensor<D> {
  expectFloatTensor(op, 'input', input);
  expectFloatTensor(op, 'weight', weight);
  expectPartner(op, 'input', input, 'weight', weight);
  const given = expectOptions(op, options, kind.options as readonly (keyof typeof options)[]);
  const { bias, activation } = given;
  if (activation !== undefined) expectOneOf(op, 'activation', activation, activationNames);
  const sizes = kind.sizes(op, input.shape, weight.shape, given);
  const fused = activation && fusedActivations[activation];
  const plan = planKind(kind, op, sizes, given, 'output', input, fused);
  checkedSize(op, plan.outputShape, bytesPerElement(input.dtype));
  const operands = [input, weight];
  if (bias !== undefined && bias !== null) {
    expectBias(op, input, weight, bias, plan.filters);
    operands.push(bias);
  }
  const output = runConvolution(plan, operands);
  const inOp = fused === undefined ? undefined : (activation as FusedActivation);
  recordConvolution(kind, { input, weight, bias }, output, given, inOp);
  return applyUnfused(activation, output);
}

/**
 * Two-dimensional convolution (cross-correlation, as in all deep-learning libraries): y[n, k, oy, ox] = bias[k] + sum
 * over c, r, s of x[n, c, oy * stride - top + r * dilation, ox * stride - left + s * dilation] * w[k, c, r, s], where
 * padding reads as 0 and c runs over the channels of the filter's group.
 *
 * @param input float32 or float64, [N, C, H, W]; [N, H, W, C] with `layout: 'NHWC'`.
 * @param weight Same dtype and device, [K, C/groups, R, S] in both layouts.
 * @param options `bias` [K]; `stride` (1), `padding` (0), `dilation` (1), each for both axes or per axis; `groups` (1),
 *   `layout`, `algorithm` ('auto': the fastest for the problem, see `convAlgorithms`), `activation` applied to the result.
 * @returns [N, K, OH, OW] or [N, OH, OW, K], with the sizes of `convOutputSize`. N may be 0; a window that lies wholly
 *   in the padding gives the bias.
 * @throws ShapeError with the formula when an output size is not positive, and for shapes that do not fit each other;
 *   DTypeError, DeviceError, DisposedError, ArgumentError for a wrong option, UnsupportedError for an algorithm that
 *   cannot compute this convolution.
 */
export function conv2d<D extends DType>(
  input: Tensor<D>,
  weight: Tensor<NoInfer<D>>,
  options?: Conv2dOptions<NoInfer<D>>,
): Tensor<D> {
  return convolve('conv2d', overTwoAxes, input, weight, options);
}
