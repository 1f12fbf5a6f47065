// How many of a batch are right, counted where the logits are.
import type { DType } from '../dtype';
import { equal } from '../ops/binary';
import { sum } from '../ops/reduce';
import { topk } from '../ops/topk';
import { tidy } from '../scope';
import { noGrad } from '../tape/noGrad';
import type { Tensor } from '../tensor';

/** Answers looked at. */
const answers = 5;

/**
 * Of each place among the best answers, how many images have their label there.
 *
 * @param logits [N, classes].
 * @param labels [N].
 * @returns int32 [min(5, classes)]; the best answer is first. Equal logits: the first class counts as the better one.
 */
export function hitsByPlace<D extends DType>(logits: Tensor<D>, labels: Tensor<'int32'>): Tensor<'int32'> {
  return noGrad(() =>
    tidy(() => {
      const [count, classes] = logits.shape;
      const { indices } = topk(logits.detach(), Math.min(answers, classes));
      return sum(equal(indices, labels.reshape([count, 1])), { axis: 0 }) as Tensor<'int32'>;
    }),
  );
}

/** Images whose best answer is right, and those with the right one among the best five. */
export function countHits(hits: ArrayLike<number>): { correct: number; correct5: number } {
  return { correct: hits[0], correct5: Array.from(hits).reduce((total, one) => total + one, 0) };
}
