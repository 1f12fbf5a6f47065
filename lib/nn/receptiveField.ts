import type { DType } from '../dtype';
import { extendByWindow } from './field';
import { expectModule, type Module } from './module';

/** The receptive field of a model; one number per spatial axis, outermost first. */
export interface ReceptiveField {
  /** How many elements of the input one output element sees; Infinity where it sees all, whatever the input's size. */
  readonly size: readonly number[];
  /** Distance between the fields of neighbouring outputs, in elements of the input. */
  readonly stride: readonly number[];
  /** First element that output 0 sees; negative where that is padding, -Infinity where it sees all. */
  readonly offset: readonly number[];
}

/**
 * How large an area of the input one output element sees, and where. A layer with kernel k, stride s, dilation d and p elements
 * of padding before the first extends what is before it to
 *
 *     size'   = size + d (k - 1) stride
 *     stride' = stride s
 *     offset' = offset - p stride
 *
 * beginning with 1, 1 and 0 (Araujo, Norris & Sim 2019, Computing receptive fields of convolutional neural networks). Branches
 * that meet (`Residual`, `Concat`) give the smallest field that holds all of theirs. `padding: 'same'` is taken as for an input
 * that the stride divides. Of a transposed convolution outputs see unequal numbers of elements: the largest counts, ceil((d (k -
 * 1) + 1) / s). Pooling over everything and `Linear` give Infinity; normalisations count as in inference.
 *
 * @returns Two axes for a model without spatial layers.
 * @throws UnsupportedError for a module that does not override `extendField()`; ArgumentError when the model is none, or when
 *   branches with unequal strides meet.
 * @example receptiveField(new Sequential([new Conv2d(3, 8, 3), new Conv2d(8, 8, 3)])).size; // [5, 5]
 */
export function receptiveField<D extends DType>(model: Module<D>): ReceptiveField {
  expectModule<D>('receptiveField', 'model', model);
  const found = model.extendField([]);
  const one = { kernel: 1, stride: 1, dilation: 1, before: 0 };
  const field = found.length === 0 ? extendByWindow('receptiveField', [], [one, one]) : found;
  return {
    size: field.map(({ size }) => size),
    stride: field.map(({ stride }) => stride),
    offset: field.map(({ offset }) => offset),
  };
}
