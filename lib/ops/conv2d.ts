import { expectOneOf, expectOptions } from '../check';
import { opNumber, run1 } from '../dispatch';
import { bytesPerElement, type DType } from '../dtype';
import { checkedSize } from '../shape';
import type { Tensor } from '../tensor';
import { activationNames, applyUnfused, fusedActivations } from './convActivation';
import { type Conv2dOptions, convOptions, expectBias, planConvolution, runPlanned } from './convPlan';
import { expectFloatTensor, expectPartner } from './operands';

const forwardOp = opNumber('conv2d');

const forwardOptions = [...convOptions, 'bias', 'activation'] as const;

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
  const op = 'conv2d';
  expectFloatTensor(op, 'input', input);
  expectFloatTensor(op, 'weight', weight);
  expectPartner(op, 'input', input, 'weight', weight);
  const given = expectOptions(op, options, forwardOptions);
  const { bias, activation } = given;
  if (activation !== undefined) expectOneOf(op, 'activation', activation, activationNames);
  const plan = planConvolution(op, input.shape, weight.shape, given, {
    direction: 'forward',
    dtype: input.dtype,
    device: input._device,
  });
  const { outputShape } = plan;
  checkedSize(op, outputShape, bytesPerElement(input.dtype));
  const operands = [input, weight];
  if (bias !== undefined && bias !== null) {
    expectBias(op, input, bias, weight.shape);
    operands.push(bias);
  }
  const fused = activation && fusedActivations[activation];
  const output = runPlanned(plan, (attributes) =>
    run1(
      forwardOp,
      operands,
      input.dtype,
      outputShape,
      fused === undefined ? attributes : { ...attributes, activation: fused },
    ),
  );
  return applyUnfused(activation, output);
}
