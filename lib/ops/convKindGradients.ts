// Gradients of convolutions of any kind.
import { expectBoolean, expectOptions } from '../check';
import { bytesPerElement, type DType } from '../dtype';
import { ArgumentError } from '../errors';
import { tidy } from '../scope';
import { checkedSize, expectShape } from '../shape';
import type { Tensor } from '../tensor';
import { describe } from '../text';
import { type ConvKind, outputShapeOf, planKind, runConvolution } from './convKind';
import type { ConvArguments, ConvPlan } from './convPlan';
import { recordGradient } from './convRules';
import { expectFloatTensor, expectGradientShape, expectPartner } from './operands';
import { sum } from './reduce';
import { expectActivations, expectLayout, pixelAxes } from './spatial';

/** Which gradients to compute: all that are not excluded. */
export interface ChosenGradients {
  readonly inputGrad?: boolean;
  readonly weightGrad?: boolean;
  readonly biasGrad?: boolean;
}

/** The gradients of a convolution, null where not asked for. */
export interface ConvGradients<D extends DType> {
  input: Tensor<D> | null;
  weight: Tensor<D> | null;
  bias: Tensor<D> | null;
}

/** @throws ArgumentError where a gradient is given the option `activation`. @internal */
export function refuseActivation(op: string, activation: unknown): void {
  if (activation === undefined) return;
  throw new ArgumentError(
    `${op}: takes the gradient of the convolution before its activation ${describe(activation)}: apply that ` +
      "activation's gradient to gradOutput first and leave out the option",
  );
}

type GradientArguments = ConvArguments & ChosenGradients & { readonly activation?: unknown };

function expectGradientOptions(
  op: string,
  kind: ConvKind,
  options: object | undefined,
  more: readonly (keyof ChosenGradients)[] = [],
): Partial<GradientArguments> {
  const names = [...kind.options, ...more] as readonly (keyof GradientArguments)[];
  const given = expectOptions<GradientArguments>(op, options, names);
  refuseActivation(op, given.activation);
  return given;
}

// In the kernels, input and output of a transposed convolution have changed places.

function runInput<D extends DType>(kind: ConvKind, plan: ConvPlan, weight: Tensor<D>, g: Tensor<D>): Tensor<D> {
  return runConvolution(plan, kind.transposed ? [g, weight] : [weight, g]);
}

function runWeight<D extends DType>(kind: ConvKind, plan: ConvPlan, input: Tensor<D>, g: Tensor<D>): Tensor<D> {
  return runConvolution(plan, kind.transposed ? [g, input] : [input, g]);
}

function sumOverPixels<D extends DType>(gradOutput: Tensor<D>, nhwc: boolean): Tensor<D> {
  return sum(gradOutput, { axis: pixelAxes(gradOutput.shape.length, nhwc) }) as Tensor<DType> as Tensor<D>;
}

/** @internal */
export function inputGradient<D extends DType>(
  op: string,
  kind: ConvKind,
  inputShape: readonly number[],
  weight: Tensor<D>,
  gradOutput: Tensor<D>,
  options: object | undefined,
): Tensor<D> {
  expectFloatTensor(op, 'weight', weight);
  expectFloatTensor(op, 'gradOutput', gradOutput);
  expectPartner(op, 'weight', weight, 'gradOutput', gradOutput);
  const shape = expectShape(op, 'inputShape', inputShape);
  const given = expectGradientOptions(op, kind, options);
  const sizes = kind.sizes(op, shape, weight.shape, given);
  const plan = planKind(kind, op, sizes, given, 'inputGradient', weight);
  expectGradientShape(op, gradOutput, outputShapeOf(kind, sizes), 'as the output');
  checkedSize(op, shape, bytesPerElement(weight.dtype));
  return recordGradient(kind, 'input', weight, gradOutput, runInput(kind, plan, weight, gradOutput), given);
}

/** @internal */
export function weightGradient<D extends DType>(
  op: string,
  kind: ConvKind,
  input: Tensor<D>,
  weightShape: readonly number[],
  gradOutput: Tensor<D>,
  options: object | undefined,
): Tensor<D> {
  expectFloatTensor(op, 'input', input);
  expectFloatTensor(op, 'gradOutput', gradOutput);
  expectPartner(op, 'input', input, 'gradOutput', gradOutput);
  const shape = expectShape(op, 'weightShape', weightShape);
  const given = expectGradientOptions(op, kind, options);
  const sizes = kind.sizes(op, input.shape, shape, given);
  const plan = planKind(kind, op, sizes, given, 'weightGradient', input);
  expectGradientShape(op, gradOutput, outputShapeOf(kind, sizes), 'as the output');
  checkedSize(op, shape, bytesPerElement(input.dtype));
  return recordGradient(kind, 'weight', input, gradOutput, runWeight(kind, plan, input, gradOutput), given);
}

/** @internal */
export function biasGradient<D extends DType>(
  op: string,
  kind: ConvKind,
  gradOutput: Tensor<D>,
  options: object | undefined,
): Tensor<D> {
  expectFloatTensor(op, 'gradOutput', gradOutput);
  const nhwc = expectLayout(op, expectGradientOptions(op, kind, options).layout, kind.form);
  expectActivations(op, 'gradOutput', gradOutput.shape, nhwc, kind.form);
  return sumOverPixels(gradOutput, nhwc);
}

/** Any subset of the gradients. @internal */
export function chosenGradients<D extends DType>(
  op: string,
  kind: ConvKind,
  gradOutput: Tensor<D>,
  input: Tensor<D>,
  weight: Tensor<D>,
  options: object | undefined,
): ConvGradients<D> {
  expectFloatTensor(op, 'gradOutput', gradOutput);
  expectPartner(op, 'gradOutput', gradOutput, 'input', input);
  expectPartner(op, 'gradOutput', gradOutput, 'weight', weight);
  const chosen = expectGradientOptions(op, kind, options, ['inputGrad', 'weightGrad', 'biasGrad']);
  const { inputGrad = true, weightGrad = true, biasGrad = true, ...given } = chosen;
  expectBoolean(op, 'inputGrad', inputGrad);
  expectBoolean(op, 'weightGrad', weightGrad);
  expectBoolean(op, 'biasGrad', biasGrad);
  const sizes = kind.sizes(op, input.shape, weight.shape, given);
  const byInput = inputGrad ? planKind(kind, op, sizes, given, 'inputGradient', input) : null;
  const byWeight = weightGrad ? planKind(kind, op, sizes, given, 'weightGradient', input) : null;
  expectGradientShape(op, gradOutput, outputShapeOf(kind, sizes), 'as the output');
  return tidy(() => ({
    input: byInput === null ? null : runInput(kind, byInput, weight, gradOutput),
    weight: byWeight === null ? null : runWeight(kind, byWeight, input, gradOutput),
    bias: biasGrad ? sumOverPixels(gradOutput, sizes.nhwc) : null,
  }));
}
