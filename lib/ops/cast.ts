import { expectTensor } from '../check';
import type { DType } from '../dtype';
import { cast as convert } from '../move';
import type { Tensor } from '../tensor';

/**
 * The values in another element type; a function form of `Tensor.cast`.
 *
 * Floats become integers by truncation and saturate, NaN becomes 0; integers wrap; everything but 0 becomes true; true
 * becomes 1.
 *
 * @param input Any dtype and shape.
 * @param dtype `'float32'`, `'float64'`, `'int32'`, `'uint8'` or `'bool'`.
 * @returns A new tensor of the same shape.
 * @throws DTypeError for an unknown type; DisposedError.
 */
export function cast<E extends DType>(input: Tensor<DType>, dtype: E): Tensor<E> {
  expectTensor('cast', 'input', input);
  return convert(input, dtype);
}
