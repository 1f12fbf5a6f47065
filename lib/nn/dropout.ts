import { expectFinite } from '../check';
import type { DType } from '../dtype';
import { dropout } from '../ops/dropout';
import type { Tensor } from '../tensor';
import { Pointwise } from './pointwise';

/** `dropout` in training; in inference the input. */
export class Dropout<D extends DType = 'float32'> extends Pointwise<D> {
  readonly p: number;

  /** @param p Probability of an element to be dropped, from 0 to 1; 0.5 if left out. @throws ArgumentError. */
  constructor(p = 0.5) {
    super();
    this.p = expectFinite('Dropout', 'p', p, 0, 1);
  }

  override forward(input: Tensor<D>): Tensor<D> {
    return dropout(input, { p: this.p, training: this.training });
  }
}
