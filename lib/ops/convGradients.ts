import { expectBoolean, expectOptions } from '../check';
import { opNumber, run1 } from '../dispatch';
import { bytesPerElement, type DType } from '../dtype';
import { tidy } from '../scope';
import { checkedSize, expectShape, type Shape } from '../shape';
import type { Tensor } from '../tensor';
import type { Direction } from './convAlgorithm';
import {
  type Conv2dOptions,
  type ConvOptions,
  type ConvPlan,
  type ConvTask,
  convOptions,
  expectActivations,
  planConvolution,
  refuseActivation,
  runPlanned,
} from './convPlan';
import { expectFloatTensor, expectGradientShape, expectPartner } from './operands';
import { sum } from './reduce';
import { expectLayout } from './window';

const inputOp = opNumber('conv2dInput');
const weightOp = opNumber('conv2dWeight');

/** The forward op's options; its bias has no influence on the gradients of input and weight and is ignored. */
export type ConvGradientOptions<D extends DType = 'float32'> = Omit<Conv2dOptions<D>, 'activation'>;

const known = [...convOptions, 'bias', 'activation'] as const;

const gradientOptions = [...known, 'inputGrad', 'weightGrad', 'biasGrad'] as const;

const task = (direction: Direction, { dtype, _device: device }: Tensor<DType>): ConvTask => ({
  direction,
  dtype,
  device,
});

function expectGradientOptions(op: string, options: unknown): ConvOptions {
  const given = expectOptions(op, options as Conv2dOptions | undefined, known);
  refuseActivation(op, given.activation);
  return given;
}

function runInput<D extends DType>(
  weight: Tensor<D>,
  gradOutput: Tensor<D>,
  inputShape: Shape,
  plan: ConvPlan,
): Tensor<D> {
  return runPlanned(plan, (attributes) =>
    run1(inputOp, [weight, gradOutput], gradOutput.dtype, inputShape, attributes),
  );
}

function runWeight<D extends DType>(
  input: Tensor<D>,
  gradOutput: Tensor<D>,
  weightShape: Shape,
  plan: ConvPlan,
): Tensor<D> {
  return runPlanned(plan, (attributes) =>
    run1(weightOp, [input, gradOutput], gradOutput.dtype, weightShape, attributes),
  );
}

function sumOverPixels<D extends DType>(gradOutput: Tensor<D>, nhwc: boolean): Tensor<D> {
  return sum(gradOutput, { axis: nhwc ? [0, 1, 2] : [0, 2, 3] }) as Tensor<DType> as Tensor<D>;
}

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
  const op = 'grad.conv2dInput';
  expectFloatTensor(op, 'weight', weight);
  expectFloatTensor(op, 'gradOutput', gradOutput);
  expectPartner(op, 'weight', weight, 'gradOutput', gradOutput);
  const shape = expectShape(op, 'inputShape', inputShape);
  const plan = planConvolution(op, shape, weight.shape, expectGradientOptions(op, options), task('input', weight));
  expectGradientShape(op, gradOutput, plan.outputShape, 'as the output');
  checkedSize(op, shape, bytesPerElement(weight.dtype));
  return runInput(weight, gradOutput, shape, plan);
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
  const op = 'grad.conv2dWeight';
  expectFloatTensor(op, 'input', input);
  expectFloatTensor(op, 'gradOutput', gradOutput);
  expectPartner(op, 'input', input, 'gradOutput', gradOutput);
  const shape = expectShape(op, 'weightShape', weightShape);
  const plan = planConvolution(op, input.shape, shape, expectGradientOptions(op, options), task('weight', input));
  expectGradientShape(op, gradOutput, plan.outputShape, 'as the output');
  checkedSize(op, shape, bytesPerElement(input.dtype));
  return runWeight(input, gradOutput, shape, plan);
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
  const op = 'grad.conv2dBias';
  expectFloatTensor(op, 'gradOutput', gradOutput);
  const nhwc = expectLayout(op, expectGradientOptions(op, options).layout);
  expectActivations(op, 'gradOutput', gradOutput.shape, nhwc);
  return sumOverPixels(gradOutput, nhwc);
}

/** Options of `grad.conv2d`: the forward op's, and which gradients to compute (all if left out). */
export interface Conv2dGradientOptions<D extends DType = 'float32'> extends ConvGradientOptions<D> {
  readonly inputGrad?: boolean;
  readonly weightGrad?: boolean;
  readonly biasGrad?: boolean;
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
): { input: Tensor<D> | null; weight: Tensor<D> | null; bias: Tensor<D> | null } {
  const op = 'grad.conv2d';
  expectFloatTensor(op, 'gradOutput', gradOutput);
  expectPartner(op, 'gradOutput', gradOutput, 'input', input);
  expectPartner(op, 'gradOutput', gradOutput, 'weight', weight);
  const chosen = expectOptions<Conv2dGradientOptions<D> & Conv2dOptions<D>>(op, options, gradientOptions);
  const { inputGrad = true, weightGrad = true, biasGrad = true, ...rest } = chosen;
  expectBoolean(op, 'inputGrad', inputGrad);
  expectBoolean(op, 'weightGrad', weightGrad);
  expectBoolean(op, 'biasGrad', biasGrad);
  const settings = expectGradientOptions(op, rest);
  const plan = (direction: Direction): ConvPlan =>
    planConvolution(op, input.shape, weight.shape, settings, task(direction, input));
  const { outputShape, nhwc } = planConvolution(
    op,
    input.shape,
    weight.shape,
    { ...settings, algorithm: 'auto', workspaceLimit: undefined },
    task('forward', input),
  );
  const byInput = inputGrad ? plan('input') : null;
  const byWeight = weightGrad ? plan('weight') : null;
  expectGradientShape(op, gradOutput, outputShape, 'as the output');
  return tidy(() => ({
    input: byInput === null ? null : runInput(weight, gradOutput, input.shape, byInput),
    weight: byWeight === null ? null : runWeight(input, gradOutput, weight.shape, byWeight),
    bias: biasGrad ? sumOverPixels(gradOutput, nhwc) : null,
  }));
}
