import { expectOneOf, expectOptions } from '../check';
import { type Attributes, opNumber, run1 } from '../dispatch';
import type { DType } from '../dtype';
import { UnsupportedError } from '../errors';
import { tidy } from '../scope';
import { broadcastShapes, type Shape, sameShape } from '../shape';
import { type Rule, record, recording, rule } from '../tape/node';
import type { AnyTensor, Tensor } from '../tensor';
import { expand } from './copy';
import { expectFloatTensor, expectGradientShape, expectPartner } from './operands';
import { mean, sum, sumTo } from './reduce';

/** What becomes of a loss' terms: their mean, their sum, or the terms themselves. */
export type Reduction = 'mean' | 'sum' | 'none';

/** Options of the losses. */
export interface LossOptions {
  /** `'mean'` if left out; for `sumSquaredError` `'sum'`. */
  readonly reduction?: Reduction;
}

const reductions = ['mean', 'sum', 'none'] as const;

/** @internal */
export function expectReduction(op: string, options: LossOptions | undefined, standard: Reduction = 'mean'): Reduction {
  const { reduction } = expectOptions(op, options, ['reduction']);
  return reduction === undefined ? standard : expectOneOf(op, 'reduction', reduction, reductions);
}

/** The reduced terms; the terms themselves are disposed unless they are the result. @internal */
export function reduceTerms<D extends DType>(terms: Tensor<D>, reduction: Reduction): Tensor<D> {
  if (reduction === 'none') return terms;
  try {
    return (reduction === 'sum' ? sum(terms) : mean(terms)) as Tensor<DType> as Tensor<D>;
  } finally {
    terms.dispose();
  }
}

/** Checks the gradient of a reduced loss and returns the factor that reaches each of its terms. @internal */
export function termScale(
  op: string,
  gradOutput: AnyTensor,
  reduction: Reduction,
  terms: Shape,
  count: number,
): number {
  if (reduction === 'none') expectGradientShape(op, gradOutput, terms, "as the loss, whose reduction is 'none'");
  else expectGradientShape(op, gradOutput, [], `as the loss, whose reduction is '${reduction}'`);
  return reduction === 'mean' ? 1 / count : 1;
}

/** A loss whose terms each depend on one prediction and one target. */
interface PairLoss {
  readonly name: string;
  readonly op: number;
  readonly gradientOp: number;
  readonly attributes: Attributes | undefined;
  /** Names of the two arguments. */
  readonly first: string;
  readonly second: string;
  readonly standard: Reduction;
  readonly rule: Rule<LossOptions | undefined>;
}

function pairLoss(
  name: string,
  [first, second]: readonly [string, string],
  native = name,
  attributes?: Attributes,
  standard: Reduction = 'mean',
): PairLoss {
  const loss: PairLoss = {
    name,
    first,
    second,
    op: opNumber(native),
    gradientOp: opNumber(`${native}Grad`),
    attributes,
    standard,
    rule: rule<LossOptions | undefined>(name, { keeps: 'operands' }, ({ gradOutput, saved: [a, b], state, needs }) => {
      if (needs[1]) throw new UnsupportedError(`backward: ${name} has no gradient by its ${second} in this version`);
      return [needs[0] ? backward(loss, gradOutput, a, b, state) : null];
    }),
  };
  return loss;
}

const losses = {
  mse: pairLoss('mseLoss', ['prediction', 'target'], 'squaredError', { factor: 1 }),
  sumSquared: pairLoss('sumSquaredError', ['prediction', 'target'], 'squaredError', { factor: 0.5 }, 'sum'),
  binaryCrossEntropy: pairLoss('binaryCrossEntropy', ['prediction', 'target']),
  withLogits: pairLoss('binaryCrossEntropyWithLogits', ['logits', 'target']),
  hinge: pairLoss('hingeLoss', ['scores', 'targets']),
};

/** `tensor` itself, or its values repeated to `shape`; the copy belongs to the scope around the call. */
function stretched<D extends DType>(tensor: Tensor<D>, shape: Shape): Tensor<D> {
  return sameShape(tensor.shape, shape) ? tensor : expand(tensor, shape);
}

function forward<D extends DType>(
  loss: PairLoss,
  prediction: Tensor<D>,
  target: Tensor<D>,
  options: LossOptions | undefined,
): Tensor<D> {
  const { name, op, first, second, attributes, standard } = loss;
  expectFloatTensor(name, first, prediction);
  expectFloatTensor(name, second, target);
  expectPartner(name, first, prediction, second, target);
  const reduction = expectReduction(name, options, standard);
  const shape = broadcastShapes(name, prediction.shape, target.shape);
  const output = tidy(() => {
    const terms = run1(
      op,
      [stretched(prediction, shape), stretched(target, shape)],
      prediction.dtype,
      shape,
      attributes,
    );
    return reduceTerms(terms, reduction);
  });
  if (!recording(prediction, target)) return output;
  return record(loss.rule, [prediction, target], output, [prediction, target], options);
}

function backward<D extends DType>(
  loss: PairLoss,
  gradOutput: Tensor<D>,
  prediction: Tensor<D>,
  target: Tensor<D>,
  options: LossOptions | undefined,
): Tensor<D> {
  const { gradientOp, first, second, attributes, standard } = loss;
  const name = `grad.${loss.name}`;
  expectFloatTensor(name, 'gradOutput', gradOutput);
  expectPartner(name, 'gradOutput', gradOutput, first, prediction);
  expectPartner(name, 'gradOutput', gradOutput, second, target);
  const reduction = expectReduction(name, options, standard);
  const shape = broadcastShapes(name, prediction.shape, target.shape);
  const count = shape.reduce((product, extent) => product * extent, 1);
  const scale = termScale(name, gradOutput, reduction, shape, count);
  return tidy(() => {
    const operands = [gradOutput, stretched(prediction, shape), stretched(target, shape)];
    const gradient = run1(gradientOp, operands, prediction.dtype, shape, { ...attributes, scale });
    return sameShape(shape, prediction.shape) ? gradient : sumTo(gradient, prediction.shape);
  });
}

/**
 * Squared error (y - t)^2 per element, averaged by default.
 *
 * @param prediction float32 or float64, any shape.
 * @param target Same dtype and device; the two broadcast by NumPy's rules.
 * @param options `reduction`: `'mean'`, `'sum'` or `'none'`.
 * @returns A scalar, or the terms with `'none'`; the mean of no terms is NaN. The same holds for all losses.
 * @throws ShapeError when the shapes do not broadcast; DTypeError, DeviceError, ArgumentError, DisposedError.
 */
export function mseLoss<D extends DType>(
  prediction: Tensor<D>,
  target: Tensor<NoInfer<D>>,
  options?: LossOptions,
): Tensor<D> {
  return forward(losses.mse, prediction, target, options);
}

/**
 * Half of the squared error, (y - t)^2 / 2 per element, summed by default: with an identity output its gradient is y -
 * t. Arguments and errors as `mseLoss`.
 */
export function sumSquaredError<D extends DType>(
  prediction: Tensor<D>,
  target: Tensor<NoInfer<D>>,
  options?: LossOptions,
): Tensor<D> {
  return forward(losses.sumSquared, prediction, target, options);
}

/**
 * -(t ln y + (1 - t) ln(1 - y)) per element, averaged by default. The logarithms are bounded below by -100, as in
 * PyTorch, so a certain and wrong prediction costs 100 and not Infinity. Arguments and errors as `mseLoss`.
 *
 * @param prediction Probabilities, 0 to 1.
 * @param target 0 to 1.
 */
export function binaryCrossEntropy<D extends DType>(
  prediction: Tensor<D>,
  target: Tensor<NoInfer<D>>,
  options?: LossOptions,
): Tensor<D> {
  return forward(losses.binaryCrossEntropy, prediction, target, options);
}

/**
 * `binaryCrossEntropy` of sigmoid(x), computed as (1 - t) x + ln(1 + e^-x) without overflow. Arguments and errors as
 * `mseLoss`.
 *
 * @param logits Any real numbers.
 * @param target 0 to 1.
 */
export function binaryCrossEntropyWithLogits<D extends DType>(
  logits: Tensor<D>,
  target: Tensor<NoInfer<D>>,
  options?: LossOptions,
): Tensor<D> {
  return forward(losses.withLogits, logits, target, options);
}

/**
 * max(0, 1 - t s) per element, averaged by default (the margin loss of support vector machines). Arguments and errors
 * as `mseLoss`.
 *
 * @param scores Any real numbers.
 * @param targets -1 or 1.
 */
export function hingeLoss<D extends DType>(
  scores: Tensor<D>,
  targets: Tensor<NoInfer<D>>,
  options?: LossOptions,
): Tensor<D> {
  return forward(losses.hinge, scores, targets, options);
}

/**
 * Gradient of `mseLoss` by the prediction: 2 g (y - t), divided by the number of terms for the mean.
 *
 * @param gradOutput Gradient of the loss: a scalar, or of the terms' shape with `'none'`.
 * @param prediction The forward op's.
 * @param target The forward op's.
 * @param options The forward op's.
 * @returns Of the prediction's shape.
 * @throws ShapeError, DTypeError, DeviceError, ArgumentError, DisposedError; so do the other gradients here.
 */
export function mseLossGradient<D extends DType>(
  gradOutput: Tensor<D>,
  prediction: Tensor<NoInfer<D>>,
  target: Tensor<NoInfer<D>>,
  options?: LossOptions,
): Tensor<D> {
  return backward(losses.mse, gradOutput, prediction, target, options);
}

/** Gradient of `sumSquaredError` by the prediction: g (y - t); see `grad.mseLoss`. */
export function sumSquaredErrorGradient<D extends DType>(
  gradOutput: Tensor<D>,
  prediction: Tensor<NoInfer<D>>,
  target: Tensor<NoInfer<D>>,
  options?: LossOptions,
): Tensor<D> {
  return backward(losses.sumSquared, gradOutput, prediction, target, options);
}

/** Gradient of `binaryCrossEntropy` by the prediction: g (y - t) / max(y (1 - y), 1e-12); see `grad.mseLoss`. */
export function binaryCrossEntropyGradient<D extends DType>(
  gradOutput: Tensor<D>,
  prediction: Tensor<NoInfer<D>>,
  target: Tensor<NoInfer<D>>,
  options?: LossOptions,
): Tensor<D> {
  return backward(losses.binaryCrossEntropy, gradOutput, prediction, target, options);
}

/** Gradient of `binaryCrossEntropyWithLogits` by the logits: g (sigmoid(x) - t); see `grad.mseLoss`. */
export function binaryCrossEntropyWithLogitsGradient<D extends DType>(
  gradOutput: Tensor<D>,
  logits: Tensor<NoInfer<D>>,
  target: Tensor<NoInfer<D>>,
  options?: LossOptions,
): Tensor<D> {
  return backward(losses.withLogits, gradOutput, logits, target, options);
}

/** Gradient of `hingeLoss` by the scores: -g t where t s < 1, else 0; see `grad.mseLoss`. */
export function hingeLossGradient<D extends DType>(
  gradOutput: Tensor<D>,
  scores: Tensor<NoInfer<D>>,
  targets: Tensor<NoInfer<D>>,
  options?: LossOptions,
): Tensor<D> {
  return backward(losses.hinge, gradOutput, scores, targets, options);
}
