// Losses over classes: one term per row of scores, from a label or from probabilities.
import { expectDtype, expectSameShape, expectTensor, sameDevice } from '../check';
import { opNumber, run1 } from '../dispatch';
import type { DType } from '../dtype';
import { DTypeError, ShapeError, UnsupportedError } from '../errors';
import { extentsOf, sameShape, shapeText } from '../shape';
import { record, recording, rule } from '../tape/node';
import type { AnyTensor, Tensor } from '../tensor';
import { type Line, lineAlong } from './axes';
import { expectReduction, type LossOptions, reduceTerms, termScale } from './loss';
import { expectFloatTensor, expectPartner } from './operands';

const ops = {
  crossEntropy: opNumber('crossEntropy'),
  crossEntropyGrad: opNumber('crossEntropyGrad'),
  softCrossEntropy: opNumber('softCrossEntropy'),
  softCrossEntropyGrad: opNumber('softCrossEntropyGrad'),
  nllLoss: opNumber('nllLoss'),
  nllLossGrad: opNumber('nllLossGrad'),
};

const crossEntropyRule = rule<LossOptions | undefined>(
  'crossEntropy',
  { keeps: 'logits, labels' },
  ({ gradOutput, saved: [logits, labels], state, needs }) => {
    if (needs[1]) throw new UnsupportedError('backward: crossEntropy has no gradient by its labels in this version');
    return [crossEntropyGradient(gradOutput, logits, labels, state)];
  },
);

const nllLossRule = rule<LossOptions | undefined>(
  'nllLoss',
  { keeps: 'logProbabilities (their shape), labels' },
  ({ gradOutput, saved: [logProbabilities, labels], state }) => [
    nllLossGradient(gradOutput, logProbabilities, labels as AnyTensor as Tensor<'int32'>, state),
  ],
);

interface Classes {
  readonly line: Line;
  /** One term per row of scores: [N, ...] for [N, C, ...], [] for [C]. */
  readonly termShape: readonly number[];
  readonly count: number;
}

/** Scores are [N, C, ...], or [C] for a single row. */
function classesOf(op: string, name: string, { shape }: AnyTensor): Classes {
  if (shape.length === 0) throw new ShapeError(`${op}: ${name} must be [C] or [N, C, ...], given a scalar`);
  const axis = shape.length === 1 ? 0 : 1;
  if (shape[axis] === 0) throw new ShapeError(`${op}: ${name} ${shapeText(shape)} has no classes (axis ${axis})`);
  const line = lineAlong(shape, axis);
  const termShape = [...extentsOf(shape, 0, axis), ...extentsOf(shape, axis + 1)];
  return { line, termShape, count: line.outer * line.inner };
}

/** Labels are int32 of the terms' shape. */
function expectLabels(
  op: string,
  scoresName: string,
  scores: AnyTensor,
  labels: AnyTensor,
  termShape: readonly number[],
) {
  sameDevice(op, scoresName, scores, 'labels', labels);
  if (sameShape(labels.shape, termShape)) return; // before the text of the reason is made
  const reason = `one label per row of classes of ${scoresName} ${shapeText(scores.shape)}`;
  expectSameShape(op, 'labels', labels, termShape, reason);
}

/** Whether the targets of a cross-entropy are labels (int32) rather than probabilities (the logits' type). */
function areLabels(op: string, logits: AnyTensor, target: AnyTensor, termShape: readonly number[]): boolean {
  if (target.dtype === 'int32') {
    expectLabels(op, 'logits', logits, target, termShape);
    return true;
  }
  if (target.dtype !== logits.dtype) {
    throw new DTypeError(
      `${op}: labels must be int32, or probabilities of the logits' type ${logits.dtype}, given ${target.dtype}; ` +
        'cast() converts',
    );
  }
  sameDevice(op, 'logits', logits, 'labels', target);
  expectSameShape(op, 'labels', target, logits.shape, 'as logits, since they are probabilities');
  return false;
}

/**
 * Cross-entropy of softmax(logits): per row -ln softmax(x)_label, or -sum_k t_k ln softmax(x)_k for probabilities t;
 * averaged over the rows by default.
 *
 * @param logits float32 or float64, [N, C, ...] or [C].
 * @param labels int32 [N, ...] (or [] for one row), each from 0 to C - 1; or probabilities, of the logits' dtype and
 *   shape. Labels out of range are found while running: reading the result throws an IndexError.
 * @param options `reduction`: `'mean'` (divides by the number of rows), `'sum'` or `'none'`.
 * @returns A scalar, or with `'none'` the terms [N, ...]; the mean of no terms is NaN.
 * @throws ShapeError, DTypeError, DeviceError, ArgumentError, DisposedError.
 */
export function crossEntropy<D extends DType>(
  logits: Tensor<D>,
  labels: Tensor<'int32'> | Tensor<NoInfer<D>>,
  options?: LossOptions,
): Tensor<D> {
  const op = 'crossEntropy';
  expectFloatTensor(op, 'logits', logits);
  expectTensor(op, 'labels', labels);
  const { line, termShape } = classesOf(op, 'logits', logits);
  const native = areLabels(op, logits, labels, termShape) ? ops.crossEntropy : ops.softCrossEntropy;
  const reduction = expectReduction(op, options);
  const output = reduceTerms(run1(native, [logits, labels], logits.dtype, termShape, line), reduction);
  if (!recording(logits, labels)) return output;
  return record(crossEntropyRule, [logits, labels], output, [logits, labels], options);
}

/**
 * Gradient of `crossEntropy` by the logits: g (softmax(x)_k - [k = label]), or g (softmax(x)_k sum_j t_j - t_k);
 * divided by the number of rows for the mean.
 *
 * @param gradOutput Gradient of the loss: a scalar, or of the terms' shape with `'none'`; float32 or float64.
 * @param logits The forward op's.
 * @param labels The forward op's.
 * @param options The forward op's.
 * @throws ShapeError, DTypeError, DeviceError, ArgumentError, DisposedError.
 */
export function crossEntropyGradient<D extends DType>(
  gradOutput: Tensor<D>,
  logits: Tensor<NoInfer<D>>,
  labels: Tensor<'int32'> | Tensor<NoInfer<D>>,
  options?: LossOptions,
): Tensor<D> {
  const op = 'grad.crossEntropy';
  expectFloatTensor(op, 'gradOutput', gradOutput);
  expectPartner(op, 'gradOutput', gradOutput, 'logits', logits);
  expectTensor(op, 'labels', labels);
  const { line, termShape, count } = classesOf(op, 'logits', logits);
  const { outer, n, inner } = line;
  const native = areLabels(op, logits, labels, termShape) ? ops.crossEntropyGrad : ops.softCrossEntropyGrad;
  const scale = termScale(op, gradOutput, expectReduction(op, options), termShape, count);
  return run1(native, [gradOutput, logits, labels], logits.dtype, logits.shape, { outer, n, inner, scale });
}

/**
 * Negative log-likelihood: per row minus the entry at the label, averaged over the rows by default;
 * `nllLoss(logSoftmax(x, 1), labels)` is `crossEntropy(x, labels)`.
 *
 * @param logProbabilities float32 or float64, [N, C, ...] or [C].
 * @param labels int32 [N, ...] (or [] for one row), as for `crossEntropy`.
 * @param options As for `crossEntropy`.
 * @throws ShapeError, DTypeError, DeviceError, ArgumentError, DisposedError.
 */
export function nllLoss<D extends DType>(
  logProbabilities: Tensor<D>,
  labels: Tensor<'int32'>,
  options?: LossOptions,
): Tensor<D> {
  const op = 'nllLoss';
  expectFloatTensor(op, 'logProbabilities', logProbabilities);
  expectTensor(op, 'labels', labels);
  expectDtype(op, 'labels', labels, ['int32']);
  const { line, termShape } = classesOf(op, 'logProbabilities', logProbabilities);
  expectLabels(op, 'logProbabilities', logProbabilities, labels, termShape);
  const reduction = expectReduction(op, options);
  const terms = run1(ops.nllLoss, [logProbabilities, labels], logProbabilities.dtype, termShape, line);
  const output = reduceTerms(terms, reduction);
  if (!recording(logProbabilities)) return output;
  return record(nllLossRule, [logProbabilities], output, [logProbabilities, labels], options);
}

/**
 * Gradient of `nllLoss` by the log-probabilities: -g at each label, 0 elsewhere; divided by the number of rows for the
 * mean.
 *
 * @param gradOutput Gradient of the loss, as for `grad.crossEntropy`.
 * @param logProbabilities The forward op's; only its shape and type are looked at.
 * @param labels The forward op's.
 * @param options The forward op's.
 * @throws ShapeError, DTypeError, DeviceError, ArgumentError, DisposedError.
 */
export function nllLossGradient<D extends DType>(
  gradOutput: Tensor<D>,
  logProbabilities: Tensor<NoInfer<D>>,
  labels: Tensor<'int32'>,
  options?: LossOptions,
): Tensor<D> {
  const op = 'grad.nllLoss';
  expectFloatTensor(op, 'gradOutput', gradOutput);
  expectPartner(op, 'gradOutput', gradOutput, 'logProbabilities', logProbabilities);
  expectTensor(op, 'labels', labels);
  expectDtype(op, 'labels', labels, ['int32']);
  const { line, termShape, count } = classesOf(op, 'logProbabilities', logProbabilities);
  const { outer, n, inner } = line;
  expectLabels(op, 'logProbabilities', logProbabilities, labels, termShape);
  const scale = termScale(op, gradOutput, expectReduction(op, options), termShape, count);
  const { dtype, shape } = logProbabilities;
  return run1(ops.nllLossGrad, [gradOutput, labels], dtype, shape, { outer, n, inner, scale });
}
