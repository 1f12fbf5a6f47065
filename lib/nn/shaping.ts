import { expectInteger, expectTensor } from '../check';
import type { DType } from '../dtype';
import { ShapeError } from '../errors';
import { extentsOf, maxRank, shapeText, sizeOf } from '../shape';
import type { Tensor } from '../tensor';
import { Pointwise } from './pointwise';

/** Joins the axes from `startAxis` on into one: [N, C, H, W] to [N, C*H*W]. Shares memory. */
export class Flatten<D extends DType = 'float32'> extends Pointwise<D> {
  readonly startAxis: number;

  /** @param startAxis The first of the joined axes; 1 if left out. @throws ArgumentError. */
  constructor(startAxis = 1) {
    super();
    this.startAxis = expectInteger('Flatten', 'startAxis', startAxis, 0, maxRank - 1);
  }

  override forward(input: Tensor<D>): Tensor<D> {
    expectTensor('Flatten', 'input', input);
    const { shape } = input;
    if (shape.length <= this.startAxis) {
      throw new ShapeError(
        `Flatten: input must have more than ${this.startAxis} axes for startAxis ${this.startAxis}, given ${shapeText(shape)}`,
      );
    }
    return input.reshape([...extentsOf(shape, 0, this.startAxis), sizeOf(extentsOf(shape, this.startAxis))]);
  }
}

/** Its input, as a new handle on the same memory. */
export class Identity<D extends DType = 'float32'> extends Pointwise<D> {
  override forward(input: Tensor<D>): Tensor<D> {
    expectTensor('Identity', 'input', input);
    return input.reshape(input.shape);
  }
}
