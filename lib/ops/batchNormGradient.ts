import { expectBoolean, expectOptions } from '../check';
import { opNumber, run1, run2 } from '../dispatch';
import type { DType } from '../dtype';
import { tidy } from '../scope';
import type { Tensor } from '../tensor';
import { expectChannels, expectPerChannel, optionalPerChannel } from './channels';
import { expectGradientOf } from './operands';
import type { Layout } from './spatial';

const sumsOp = opNumber('batchNormGradParameters');
const inputOp = opNumber('batchNormGradInput');

/** Options of `grad.batchNorm`: the forward op's `weight`, `training` and `layout`, and which gradients to compute. */
export interface BatchNormGradientOptions<D extends DType = 'float32'> {
  readonly weight?: Tensor<D> | null;
  readonly training?: boolean;
  readonly layout?: Layout;
  readonly inputGrad?: boolean;
  readonly weightGrad?: boolean;
  readonly biasGrad?: boolean;
}

const gradientOptions = ['weight', 'training', 'layout', 'inputGrad', 'weightGrad', 'biasGrad'] as const;

/**
 * Gradients of `batchNorm`, with s = inverseStd and n values per channel, sums over all of them: bias = sum g, weight =
 * s * sum g (x - mean), input = s * weight * (g - sum g / n - (x - mean) * s^2 * sum g (x - mean) / n), in inference
 * s * weight * g, since the statistics then do not depend on the input.
 *
 * @param gradOutput Gradient of the output, float32 or float64.
 * @param input The forward op's input.
 * @param mean Of `batchNormWithStatistics`, [C].
 * @param inverseStd Of `batchNormWithStatistics`, [C].
 * @param options The forward op's `weight`, `training` (false) and `layout`; `inputGrad`, `weightGrad` and `biasGrad`
 *   (each true if left out) choose what is computed.
 * @returns The gradients, null where not asked for; `weight` is null where there is none too.
 * @throws ShapeError, DTypeError, DeviceError, ArgumentError, DisposedError.
 */
export function batchNormGradient<D extends DType>(
  gradOutput: Tensor<D>,
  input: Tensor<NoInfer<D>>,
  mean: Tensor<NoInfer<D>>,
  inverseStd: Tensor<NoInfer<D>>,
  options?: BatchNormGradientOptions<NoInfer<D>>,
): { input: Tensor<D> | null; weight: Tensor<D> | null; bias: Tensor<D> | null } {
  const op = 'grad.batchNorm';
  expectGradientOf(op, gradOutput, 'input', input);
  const given = expectOptions(op, options as BatchNormGradientOptions<DType> | undefined, gradientOptions);
  const { training = false, inputGrad = true, weightGrad = true, biasGrad = true } = given;
  expectBoolean(op, 'training', training);
  expectBoolean(op, 'inputGrad', inputGrad);
  expectBoolean(op, 'weightGrad', weightGrad);
  expectBoolean(op, 'biasGrad', biasGrad);
  const view = expectChannels(op, 'input', input.shape, given.layout);
  expectPerChannel(op, input, 'mean', mean, view.channels);
  expectPerChannel(op, input, 'inverseStd', inverseStd, view.channels);
  const weight = optionalPerChannel(op, input, 'weight', given.weight, view.channels) as Tensor<D> | undefined;
  const wantsWeight = weightGrad && weight !== undefined;
  const spec = () => ({ dtype: input.dtype, shape: [view.channels] });
  return tidy(() => {
    const sums =
      wantsWeight || biasGrad || (inputGrad && training)
        ? run2(sumsOp, [gradOutput, input, mean, inverseStd], spec(), spec(), view)
        : [];
    const operands = training ? [gradOutput, input, mean, inverseStd, ...sums] : [gradOutput, inverseStd];
    if (weight !== undefined) operands.push(weight);
    const { outer, channels, inner } = view;
    const attributes = { outer, channels, inner, training, weight: weight !== undefined };
    return {
      input: inputGrad ? run1(inputOp, operands, input.dtype, input.shape, attributes) : null,
      weight: wantsWeight ? sums[0] : null,
      bias: biasGrad ? sums[1] : null,
    };
  });
}
