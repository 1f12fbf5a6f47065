// Models that have several outputs in training, and a loss for any model.
import { expectTensor } from '../check';
import type { DType } from '../dtype';
import { ArgumentError } from '../errors';
import { expectModule, Module } from '../nn/module';
import { add, mul } from '../ops/binary';
import type { AnyTensor, Tensor } from '../tensor';
import { describe } from '../text';

/** An output of a model in training. */
export interface TrainingHead<D extends DType = 'float32'> {
  /** [N, classes]. */
  readonly logits: Tensor<D>;
  /** Share of its loss in the sum that is trained. */
  readonly weight: number;
}

/**
 * A model with outputs that serve training alone. `forward` returns the one output of inference; in training the others come
 * from `trainingHeads`.
 */
export abstract class MultiHeadModule<D extends DType = 'float32'> extends Module<D> {
  /** All outputs, the one that `forward` returns first, with the weights of their losses. */
  abstract trainingHeads(input: Tensor<D>): readonly TrainingHead<D>[];
}

/**
 * The outputs of a model that are to be trained: of a `MultiHeadModule` in training all of them, else the one of `call()`, with
 * weight 1. So a training loop that uses it trains every model.
 *
 * @throws ArgumentError when `model` is no module; what the model throws.
 * @example const loss = weightedLoss(trainingLogits(model, x), (logits) => crossEntropy(logits, labels));
 */
export function trainingLogits<D extends DType>(model: Module<D>, input: Tensor<D>): readonly TrainingHead<D>[] {
  expectModule<D>('trainingLogits', 'model', model);
  if (model instanceof MultiHeadModule && model.training) return model.trainingHeads(input);
  return [{ logits: model.call(input), weight: 1 }];
}

/**
 * The sum of weight * loss(logits) over the outputs.
 *
 * @param heads What `trainingLogits()` gave.
 * @param loss The loss of one output, a scalar.
 * @returns A scalar.
 * @throws ArgumentError when there is no output, or `loss` is no function or returns no tensor; what `loss` throws.
 */
export function weightedLoss<D extends DType>(
  heads: readonly TrainingHead<D>[],
  loss: (logits: Tensor<D>) => Tensor<D>,
): Tensor<D> {
  const op = 'weightedLoss';
  if (!Array.isArray(heads) || heads.length === 0) {
    throw new ArgumentError(`${op}: heads must be a non-empty array, given ${describe(heads)}`);
  }
  if (typeof loss !== 'function') throw new ArgumentError(`${op}: loss must be a function, given ${describe(loss)}`);
  const terms = heads.map(({ logits, weight }): Tensor<D> => {
    const one = loss(logits);
    expectTensor(op, 'what loss returned', one);
    return weight === 1 ? one : (mul(one as AnyTensor, weight) as Tensor<D>);
  });
  return terms.reduce((sum, term) => add(sum as AnyTensor, term as AnyTensor) as Tensor<D>);
}
