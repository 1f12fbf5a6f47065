// Convolutions over one and two axes and transposed ones are the same three kernels: what differs between them is how they
// name and check their arguments.
import { opNumber, run1 } from '../dispatch';
import type { DType } from '../dtype';
import type { Shape } from '../shape';
import type { AnyTensor, Tensor } from '../tensor';
import { convolve } from './conv2d';
import type { Direction } from './convAlgorithm';
import {
  type ConvArguments,
  type ConvPlan,
  type ConvSizes,
  convOptions,
  convolutionSizes,
  planAlgorithm,
  runPlanned,
} from './convPlan';
import { type Form, oneAxis, twoAxes } from './spatial';

/** @internal */
export interface ConvKind {
  /** Of the public function. */
  readonly name: string;
  readonly form: Form;
  /**
   * A transposed convolution is computed as the gradient of a convolution by its input: in its sizes and kernels, its
   * output stands for that convolution's input and the other way round.
   */
  readonly transposed: boolean;
  /** Names of the forward op's options. */
  readonly options: readonly string[];
  /** The public function. */
  forward(input: AnyTensor, weight: AnyTensor, options: object): AnyTensor;
  /** Checks shapes and options against each other. */
  sizes(op: string, inputShape: Shape, weightShape: Shape, options: ConvArguments): ConvSizes;
}

const known = [...convOptions, 'bias', 'activation'] as const;

function over(name: string, form: Form): ConvKind {
  const kind: ConvKind = {
    name,
    form,
    transposed: false,
    options: known,
    forward: (input, weight, options) => convolve(name, kind, input, weight, options),
    sizes: (op, inputShape, weightShape, options) => convolutionSizes(op, inputShape, weightShape, options, form),
  };
  return kind;
}

/** @internal */
export const overTwoAxes = over('conv2d', twoAxes);
/** @internal */
export const overOneAxis = over('conv1d', oneAxis);

/** What is computed of a convolution. @internal */
export type Sought = 'output' | 'inputGradient' | 'weightGradient';

const directions: Readonly<Record<Sought, readonly [plain: Direction, transposed: Direction]>> = {
  output: ['forward', 'input'],
  inputGradient: ['input', 'forward'],
  weightGradient: ['weight', 'weight'],
};

/** Chooses the algorithm; `like` has the operands' dtype and device. @internal */
export function planKind(
  kind: ConvKind,
  op: string,
  sizes: ConvSizes,
  options: ConvArguments,
  sought: Sought,
  { dtype, _device: device }: AnyTensor,
  activation = 0,
): ConvPlan {
  const direction = directions[sought][kind.transposed ? 1 : 0];
  return planAlgorithm(op, sizes, options, { direction, dtype, device }, activation);
}

/** The output's shape; `sizes` are the kind's. @internal */
export function outputShapeOf(kind: ConvKind, sizes: ConvSizes): Shape {
  return kind.transposed ? sizes.inputShape : sizes.outputShape;
}

const ops: Readonly<Record<Direction, number>> = {
  forward: opNumber('conv2d'),
  input: opNumber('conv2dInput'),
  weight: opNumber('conv2dWeight'),
};

/**
 * Computes what was planned.
 *
 * @param operands The kernel's: input, weight and bias; weight and the output's gradient; or input and the output's
 *   gradient.
 * @internal
 */
export function runConvolution<D extends DType>(plan: ConvPlan, operands: readonly Tensor<D>[]): Tensor<D> {
  const { direction } = plan.problem;
  const { inputShape, weightShape, outputShape } = plan;
  const shape = direction === 'forward' ? outputShape : direction === 'input' ? inputShape : weightShape;
  return runPlanned(plan, (attributes) => run1(ops[direction], operands, operands[0].dtype, shape, attributes));
}
