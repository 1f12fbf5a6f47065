// Tensors that the tape keeps for backward. The tape holds the handle, not the user's object: dispose() of a tensor that
// is saved hands its handle over to a stand-in, which goes when the last node that saved it does. So keeping a tensor
// costs a counter, not a call over the boundary.
import { GraphError } from '../errors';
import { native } from '../native';
import { shapeText } from '../shape';
import type { AnyTensor } from '../tensor';

/** One tensor as one node saved it. @internal */
export class Saved {
  private readonly tensor: AnyTensor;
  private readonly version: number;

  constructor(tensor: AnyTensor) {
    tensor._saves++;
    this.tensor = tensor;
    this.version = native.version(tensor._slot, tensor._generation);
  }

  /**
   * The tensor, or the stand-in of one that has been disposed.
   *
   * @throws GraphError when its memory was written to since.
   */
  read(op: string): AnyTensor {
    const { tensor } = this;
    const alive = tensor._slot >= 0 ? tensor : (tensor._standIn as AnyTensor);
    const version = native.version(alive._slot, alive._generation);
    if (version !== this.version) {
      throw new GraphError(
        `backward: ${op} saved a tensor (${tensor.dtype} ${shapeText(tensor.shape)}) that was written in place since ` +
          `(version ${version}, saved at ${this.version}); write to a clone(), or after backward()`,
      );
    }
    return alive;
  }

  release(): void {
    const { tensor } = this;
    tensor._saves--;
    if (tensor._saves > 0 || tensor._standIn === undefined) return;
    tensor._standIn.dispose();
    tensor._standIn = undefined;
  }
}
