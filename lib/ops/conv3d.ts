import { expectOneOf, expectOptions } from '../check';
import { opNumber, run1 } from '../dispatch';
import { bytesPerElement, type DType } from '../dtype';
import { checkedSize } from '../shape';
import type { Tensor } from '../tensor';
import { expectBias } from './conv2d';
import { conv3dDirections } from './conv3dGradients';
import { type Conv3dOptions, conv3dOptions, planConv3d } from './conv3dPlan';
import { activationNames, applyUnfused, fusedActivations } from './convActivation';
import { type FusedActivation, recordConvolution } from './convRules';
import { expectFloatTensor, expectPartner } from './operands';

const forwardOp = opNumber('conv3d');

/**
 * Three-dimensional convolution (cross-correlation, as in all deep-learning libraries): y[n, k, oz, oy, ox] = bias[k] +
 * sum over c, t, r, s of x[n, c, oz * stride - front + t * dilation, oy * stride - top + r * dilation, ox * stride -
 * left + s * dilation] * w[k, c, t, r, s], where padding reads as 0 and c runs over the channels of the filter's group.
 *
 * @param input float32 or float64, [N, C, D, H, W].
 * @param weight Same dtype and device, [K, C/groups, T, R, S].
 * @param options `bias` [K]; `stride` (1), `padding` (0), `dilation` (1), each for all axes or per axis; `groups` (1);
 *   `activation` applied to the result.
 * @returns [N, K, OD, OH, OW], per axis floor((in + before + after - dilation * (kernel - 1) - 1) / stride) + 1. N may be
 *   0; a window that lies wholly in the padding gives the bias.
 * @throws ShapeError with the formula when an output size is not positive, and for shapes that do not fit each other;
 *   DTypeError, DeviceError, DisposedError, ArgumentError for a wrong option.
 */
export function conv3d<D extends DType>(
  input: Tensor<D>,
  weight: Tensor<NoInfer<D>>,
  options?: Conv3dOptions<NoInfer<D>>,
): Tensor<D> {
  const op = 'conv3d';
  expectFloatTensor(op, 'input', input);
  expectFloatTensor(op, 'weight', weight);
  expectPartner(op, 'input', input, 'weight', weight);
  const given = expectOptions(op, options, conv3dOptions);
  const { bias, activation } = given;
  if (activation !== undefined) expectOneOf(op, 'activation', activation, activationNames);
  const fused = activation && fusedActivations[activation];
  const { outputShape, attributes } = planConv3d(op, input.shape, weight.shape, given, fused);
  checkedSize(op, outputShape, bytesPerElement(input.dtype));
  const operands = [input, weight];
  if (bias !== undefined && bias !== null) {
    expectBias(op, input, weight, bias, weight.shape[0]);
    operands.push(bias);
  }
  const output = run1(forwardOp, operands, input.dtype, outputShape, attributes);
  const inOp = fused === undefined ? undefined : (activation as FusedActivation);
  recordConvolution(conv3dDirections, { input, weight, bias }, output, given, inOp);
  return applyUnfused(activation, output);
}
