import { expectBoolean, expectOptions } from '../check';
import { opNumber, run1 } from '../dispatch';
import { bytesPerElement, type DType } from '../dtype';
import { tidy } from '../scope';
import { checkedSize, expectShape } from '../shape';
import type { Tensor } from '../tensor';
import { conv3d } from './conv3d';
import { type Conv3dOptions, conv3dOptions, expectVolumes, planConv3d } from './conv3dPlan';
import { type ChosenGradients, type ConvGradients, refuseActivation } from './convKindGradients';
import { type ConvDirections, recordGradient } from './convRules';
import { expectFloatTensor, expectGradientShape, expectPartner } from './operands';
import { sum } from './reduce';

const inputOp = opNumber('conv3dInput');
const weightOp = opNumber('conv3dWeight');

/** The forward op's options; its bias has no influence on the gradients of input and weight and is ignored. */
export type VolumeGradientOptions<D extends DType = 'float32'> = Omit<Conv3dOptions<D>, 'activation'>;

const gradientOptions = [...conv3dOptions, 'inputGrad', 'weightGrad', 'biasGrad'] as const;

function expectGradientOptions<D extends DType>(op: string, options: unknown): Partial<Conv3dOptions<D>> {
  const given = expectOptions(op, options as Conv3dOptions<D> | undefined, conv3dOptions);
  refuseActivation(op, given.activation);
  return given;
}

function sumOverVoxels<D extends DType>(gradOutput: Tensor<D>): Tensor<D> {
  return sum(gradOutput, { axis: [0, 2, 3, 4] }) as Tensor<DType> as Tensor<D>;
}

/**
 * Gradient of `conv3d` by its input: gx[n, c, iz, iy, ix] = the sum of g[n, k, oz, oy, ox] * w[k, c, t, r, s] over all
 * outputs whose tap (t, r, s) read that element. Elements that no window reaches get 0.
 *
 * @param inputShape Shape of the forward op's input.
 * @param weight The forward op's weight, float32 or float64, [K, C/groups, T, R, S].
 * @param gradOutput Gradient of the output, same dtype and device.
 * @param options The forward op's.
 * @throws ShapeError, DTypeError, DeviceError, ArgumentError, DisposedError.
 */
export function conv3dInputGradient<D extends DType>(
  inputShape: readonly number[],
  weight: Tensor<D>,
  gradOutput: Tensor<NoInfer<D>>,
  options?: VolumeGradientOptions<NoInfer<D>>,
): Tensor<D> {
  const op = 'grad.conv3dInput';
  expectFloatTensor(op, 'weight', weight);
  expectFloatTensor(op, 'gradOutput', gradOutput);
  expectPartner(op, 'weight', weight, 'gradOutput', gradOutput);
  const shape = expectShape(op, 'inputShape', inputShape);
  const { outputShape, attributes } = planConv3d(op, shape, weight.shape, expectGradientOptions(op, options));
  expectGradientShape(op, gradOutput, outputShape, 'as the output');
  checkedSize(op, shape, bytesPerElement(weight.dtype));
  const result = run1(inputOp, [weight, gradOutput], weight.dtype, shape, attributes);
  return recordGradient(conv3dDirections, 'input', weight, gradOutput, result, options);
}

/**
 * Gradient of `conv3d` by its weight: gw[k, c, t, r, s] = the sum of g[n, k, oz, oy, ox] times the input under that tap,
 * over all volumes and their outputs, in an order that does not depend on the number of threads.
 *
 * @param input The forward op's input, float32 or float64.
 * @param weightShape Shape of the forward op's weight, [K, C/groups, T, R, S].
 * @param gradOutput Gradient of the output, same dtype and device.
 * @param options The forward op's.
 * @throws ShapeError, DTypeError, DeviceError, ArgumentError, DisposedError.
 */
export function conv3dWeightGradient<D extends DType>(
  input: Tensor<D>,
  weightShape: readonly number[],
  gradOutput: Tensor<NoInfer<D>>,
  options?: VolumeGradientOptions<NoInfer<D>>,
): Tensor<D> {
  const op = 'grad.conv3dWeight';
  expectFloatTensor(op, 'input', input);
  expectFloatTensor(op, 'gradOutput', gradOutput);
  expectPartner(op, 'input', input, 'gradOutput', gradOutput);
  const shape = expectShape(op, 'weightShape', weightShape);
  const { outputShape, attributes } = planConv3d(op, input.shape, shape, expectGradientOptions(op, options));
  expectGradientShape(op, gradOutput, outputShape, 'as the output');
  checkedSize(op, shape, bytesPerElement(input.dtype));
  const result = run1(weightOp, [input, gradOutput], input.dtype, shape, attributes);
  return recordGradient(conv3dDirections, 'weight', input, gradOutput, result, options);
}

/**
 * Gradient of `conv3d` by its bias: the sum of g over volumes and their outputs, per filter.
 *
 * @param gradOutput Gradient of the output, float32 or float64, [N, K, OD, OH, OW].
 * @returns [K].
 * @throws ShapeError, DTypeError, ArgumentError, DisposedError.
 */
export function conv3dBiasGradient<D extends DType>(gradOutput: Tensor<D>): Tensor<D> {
  const op = 'grad.conv3dBias';
  expectFloatTensor(op, 'gradOutput', gradOutput);
  expectVolumes(op, 'gradOutput', gradOutput.shape);
  return sumOverVoxels(gradOutput);
}

/** Options of `grad.conv3d`: the forward op's, and which gradients to compute (all if left out). */
export interface Conv3dGradientOptions<D extends DType = 'float32'> extends VolumeGradientOptions<D>, ChosenGradients {}

/**
 * Any subset of the gradients of `conv3d`; see `grad.conv3dInput`, `grad.conv3dWeight` and `grad.conv3dBias`.
 *
 * @param gradOutput Gradient of the output, float32 or float64.
 * @param input The forward op's input.
 * @param weight The forward op's weight.
 * @param options The forward op's; `inputGrad`, `weightGrad` and `biasGrad` (each true if left out) choose what is
 *   computed.
 * @returns The gradients, null where not asked for.
 * @throws ShapeError, DTypeError, DeviceError, ArgumentError, DisposedError.
 */
export function conv3dGradient<D extends DType>(
  gradOutput: Tensor<D>,
  input: Tensor<NoInfer<D>>,
  weight: Tensor<NoInfer<D>>,
  options?: Conv3dGradientOptions<NoInfer<D>>,
): ConvGradients<D> {
  const op = 'grad.conv3d';
  expectFloatTensor(op, 'gradOutput', gradOutput);
  expectPartner(op, 'gradOutput', gradOutput, 'input', input);
  expectPartner(op, 'gradOutput', gradOutput, 'weight', weight);
  const chosen = expectOptions<Conv3dGradientOptions<D> & Conv3dOptions<D>>(op, options, gradientOptions);
  const { inputGrad = true, weightGrad = true, biasGrad = true, ...rest } = chosen;
  expectBoolean(op, 'inputGrad', inputGrad);
  expectBoolean(op, 'weightGrad', weightGrad);
  expectBoolean(op, 'biasGrad', biasGrad);
  const { outputShape, attributes } = planConv3d(op, input.shape, weight.shape, expectGradientOptions(op, rest));
  expectGradientShape(op, gradOutput, outputShape, 'as the output');
  const run = (by: number, operands: Tensor<D>[], { dtype, shape }: Tensor<D>): Tensor<D> =>
    run1(by, operands, dtype, shape, attributes);
  return tidy(() => ({
    input: inputGrad ? run(inputOp, [weight, gradOutput], input) : null,
    weight: weightGrad ? run(weightOp, [input, gradOutput], weight) : null,
    bias: biasGrad ? sumOverVoxels(gradOutput) : null,
  }));
}

/** @internal */
export const conv3dDirections: ConvDirections = {
  name: 'conv3d',
  forward: (input, weight, options) => conv3d(input, weight, options),
  inputGradient: (_, shape, weight, gradOutput, options) => conv3dInputGradient(shape, weight, gradOutput, options),
  weightGradient: (_, input, shape, gradOutput, options) => conv3dWeightGradient(input, shape, gradOutput, options),
  biasGradient: (_, gradOutput) => conv3dBiasGradient(gradOutput),
};
