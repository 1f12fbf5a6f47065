import { expectDtype, expectDtypeName, expectInteger, expectOptions, expectTensor } from '../check';
import { opNumber, run1 } from '../dispatch';
import { bytesPerElement, type DType } from '../dtype';
import { checkedSize } from '../shape';
import type { Tensor } from '../tensor';
import { expectScalar } from './operands';

const oneHotOp = opNumber('oneHot');

/** Options of `oneHot`. */
export interface OneHotOptions<D extends DType = 'float32'> {
  /** Type of the result; float32 if left out. */
  readonly dtype?: D;
  /** Value at the label; 1 if left out. */
  readonly on?: number;
  /** Value elsewhere; 0 if left out. */
  readonly off?: number;
}

/**
 * Labels as vectors: `on` at the label's position, `off` elsewhere, along a new last axis.
 *
 * @param labels int32, any shape, each from 0 to classes - 1. Labels out of range are found while running: reading the
 *   result throws an IndexError.
 * @param classes Extent of the new axis, at least 1.
 * @returns A new tensor [...labels.shape, classes].
 * @throws DTypeError for labels that are not int32, or values that the dtype cannot hold; ArgumentError, ShapeError,
 *   DisposedError.
 */
export function oneHot<D extends DType = 'float32'>(
  labels: Tensor<'int32'>,
  classes: number,
  options?: OneHotOptions<D>,
): Tensor<D> {
  expectTensor('oneHot', 'labels', labels);
  expectDtype('oneHot', 'labels', labels, ['int32']);
  expectInteger('oneHot', 'classes', classes, 1, 2 ** 31 - 1);
  const given = expectOptions('oneHot', options, ['dtype', 'on', 'off']);
  const dtype = expectDtypeName<D>('oneHot', 'dtype', given.dtype ?? 'float32');
  const on = expectScalar('oneHot', 'on', given.on ?? 1, dtype);
  const off = expectScalar('oneHot', 'off', given.off ?? 0, dtype);
  const shape = [...labels.shape, classes];
  checkedSize('oneHot', shape, bytesPerElement(dtype));
  return run1(oneHotOp, [labels], dtype, shape, { classes, on, off });
}
